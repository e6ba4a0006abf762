/*
 * What training on WebAssembly needs beside TensorFlow.js' kernels, by 128-bit SIMD on the memory of its backend:
 * channels last, float32, one thread. Built by Debian's clang 14 with lld; again after a change, with any clang that has
 * wasm32 and wasm-ld:
 *
 *   flags="--target=wasm32 -O3 -msimd128 -ffreestanding -fno-builtin -nostdlib -Wl,--no-entry,--import-memory,--strip-all"
 *   clang $flags -o simd.wasm simd.c
 *   clang $flags -matomics -mbulk-memory -Wl,--shared-memory,--max-memory=4294967296 -o simd-shared.wasm simd.c
 *
 * The second is for the backend with threads, whose memory is shared. Nothing here has data or needs a stack, which
 * would lie in the backend's own memory.
 */
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define INLINE static inline __attribute__((always_inline))

static inline int least(int a, int b) { return a < b ? a : b; }
static inline int most(int a, int b) { return a > b ? a : b; }
/** a / b upwards; b > 0 */
static inline int up(int a, int b) { return a > 0 ? (a + b - 1) / b : 0; }

/** The places of an image under one tap of a filter: gradients (rows, columns) with their pixels. */
typedef struct {
  const float *x, *dy;
  int rows, columns;
  /** numbers from one to the next */
  int x_row, x_column, dy_row, dy_column;
} Places;

/** Adds sum x[.., c] dy[.., o] over the places to dw (C, O), for `channels` c and 4 `vectors` o. */
INLINE void tile(Places p, float *dw, int channels, int vectors) {
  v128_t sums[4][2];
  for (int c = 0; c < channels; c++)
    for (int v = 0; v < vectors; v++) sums[c][v] = wasm_f32x4_splat(0);
  for (int i = 0; i < p.rows; i++) {
    const float *x = p.x + i * p.x_row, *dy = p.dy + i * p.dy_row;
    for (int j = 0; j < p.columns; j++, x += p.x_column, dy += p.dy_column)
      for (int c = 0; c < channels; c++)
        for (int v = 0; v < vectors; v++)
          sums[c][v] = wasm_f32x4_add(
              sums[c][v], wasm_f32x4_mul(wasm_v128_load32_splat(x + c), wasm_v128_load(dy + 4 * v)));
  }
  for (int c = 0; c < channels; c++)
    for (int v = 0; v < vectors; v++) {
      float *to = dw + c * p.dy_column + 4 * v;
      wasm_v128_store(to, wasm_f32x4_add(wasm_v128_load(to), sums[c][v]));
    }
}

/** The same for one o. */
INLINE void column(Places p, float *dw, int channels) {
  float sums[4] = {0, 0, 0, 0};
  for (int i = 0; i < p.rows; i++) {
    const float *x = p.x + i * p.x_row, *dy = p.dy + i * p.dy_row;
    for (int j = 0; j < p.columns; j++, x += p.x_column, dy += p.dy_column)
      for (int c = 0; c < channels; c++) sums[c] += x[c] * *dy;
  }
  for (int c = 0; c < channels; c++) dw[c * p.dy_column] += sums[c];
}

/** All o of `channels` c. */
INLINE void channels_of(Places p, float *dw, int channels) {
  int o = 0;
  const float *dy = p.dy;
  for (; o + 8 <= p.dy_column; o += 8) p.dy = dy + o, tile(p, dw + o, channels, 2);
  for (; o + 4 <= p.dy_column; o += 4) p.dy = dy + o, tile(p, dw + o, channels, 1);
  for (; o < p.dy_column; o++) p.dy = dy + o, column(p, dw + o, channels);
}

/**
 * x (B, H, W, C), dy (B, h, w, O) -> dw (K, L, C, O), of a convolution whose first window lies at (-top, -left). An image
 * at a time, so that it stays in the cache, and no copies: of borders, or in another order.
 */
EXPORT(convolution_filter_gradient)
void convolution_filter_gradient(const float *x, const float *dy, float *dw, int B, int H, int W, int C, int h, int w,
                                 int O, int K, int L, int row_stride, int column_stride, int top, int left) {
  for (int i = 0; i < K * L * C * O; i++) dw[i] = 0;
  for (int b = 0; b < B; b++, x += H * W * C, dy += h * w * O)
    for (int k = 0; k < K; k++)
      for (int l = 0; l < L; l++) {
        /* (i, j) of dy meets (i row_stride + down, j column_stride + right) of x, where that is within the image */
        int down = k - top, right = l - left;
        int i = up(-down, row_stride), j = up(-right, column_stride);
        int rows = least(h, up(H - down, row_stride)) - i, columns = least(w, up(W - right, column_stride)) - j;
        if (rows <= 0 || columns <= 0) continue;
        Places p = {x + ((i * row_stride + down) * W + j * column_stride + right) * C,
                    dy + (i * w + j) * O, rows, columns, row_stride * W * C, column_stride * C, w * O, O};
        float *to = dw + (k * L + l) * C * O;
        int c = 0;
        for (; c + 4 <= C; c += 4, p.x += 4) channels_of(p, to + c * O, 4);
        for (; c < C; c++, p.x++) channels_of(p, to + c * O, 1);
      }
}

/** y (.., 8) of `count` places: the sums over `rows` x `run` numbers of x from each place on, times w (rows, run, O). */
INLINE void outputs(const float *const *x, const float *w, float *y, int count, int rows, int row, int run, int O) {
  v128_t sums[4][2];
  for (int p = 0; p < count; p++) sums[p][0] = sums[p][1] = wasm_f32x4_splat(0);
  for (int k = 0; k < rows; k++)
    for (int at = k * row, end = at + run; at < end; at++, w += O) {
      v128_t first = wasm_v128_load(w), second = wasm_v128_load(w + 4);
      for (int p = 0; p < count; p++) {
        v128_t value = wasm_v128_load32_splat(x[p] + at);
        sums[p][0] = wasm_f32x4_add(sums[p][0], wasm_f32x4_mul(value, first));
        sums[p][1] = wasm_f32x4_add(sums[p][1], wasm_f32x4_mul(value, second));
      }
    }
  for (int p = 0; p < count; p++, y += O) {
    wasm_v128_store(y, sums[p][0]);
    wasm_v128_store(y + 4, sums[p][1]);
  }
}

/**
 * x (B, H, W, C), filter (K, L, C, O) -> y (B, h, w, O), without a border; O >= 8. Eight outputs at a time, of which the last
 * may be computed twice; a row of a window lies in one piece.
 */
EXPORT(convolution)
void convolution(const float *x, const float *filter, float *y, int B, int H, int W, int C, int h, int w, int O, int K,
                 int L, int row_stride, int column_stride) {
  for (int tile = 0; tile < O; tile += 8) {
    int o = least(tile, O - 8), place = 0, i = 0, j = 0;
    const float *image = x, *from[4];
    float *to = y + o;
    for (int left = B * h * w; left > 0; left--) {
      const float *window = image + (i * row_stride * W + j * column_stride) * C;
      if (place == 0) from[0] = window;
      else if (place == 1) from[1] = window;
      else if (place == 2) from[2] = window;
      else from[3] = window;
      if (++j == w) {
        j = 0;
        if (++i == h) i = 0, image += H * W * C;
      }
      if (++place < 4 && left > 1) continue;
      if (place == 4) outputs(from, filter + o, to, 4, K, W * C, L * C, O);
      else
        for (int p = 0; p < place; p++) {
          const float *one = p == 0 ? from[0] : p == 1 ? from[1] : from[2];
          outputs(&one, filter + o, to + p * O, 1, K, W * C, L * C, O);
        }
      to += 4 * O;
      place = 0;
    }
  }
}

/** dy and y (B, h, w, C), x (B, H, W, C) -> dx (B, H, W, C): dy at the first largest of each window, summed. */
EXPORT(max_pool_gradient)
void max_pool_gradient(const float *x, const float *y, const float *dy, float *dx, int B, int H, int W, int C, int h,
                       int w, int K, int L, int row_stride, int column_stride, int top, int left) {
  for (int i = 0; i < B * H * W * C; i++) dx[i] = 0;
  for (int b = 0; b < B; b++, x += H * W * C, dx += H * W * C)
    for (int i = 0; i < h; i++)
      for (int j = 0; j < w; j++, y += C, dy += C) {
        int first_row = i * row_stride - top, first_column = j * column_stride - left;
        int end_row = least(H, first_row + K), end_column = least(W, first_column + L);
        first_row = most(0, first_row), first_column = most(0, first_column);
        int c = 0;
        for (; c + 4 <= C; c += 4) {
          v128_t largest = wasm_v128_load(y + c), left_over = wasm_v128_load(dy + c);
          for (int row = first_row; row < end_row; row++)
            for (int column = first_column; column < end_column; column++) {
              int at = (row * W + column) * C + c;
              v128_t here = wasm_f32x4_eq(wasm_v128_load(x + at), largest);
              wasm_v128_store(dx + at, wasm_f32x4_add(wasm_v128_load(dx + at), wasm_v128_and(here, left_over)));
              left_over = wasm_v128_andnot(left_over, here);
            }
        }
        for (; c < C; c++) {
          float left_over = dy[c];
          for (int row = first_row; row < end_row; row++)
            for (int column = first_column; column < end_column; column++) {
              int at = (row * W + column) * C + c;
              if (x[at] != y[c]) continue;
              dx[at] += left_over;
              left_over = 0;
            }
        }
      }
}

/** Rows that are summed as such before they join the rest: the sum of many is as exact as that of the blocks. */
#define BLOCK 128

/** x (rows, columns) -> sums (columns), times `factor` */
EXPORT(sum_rows)
void sum_rows(const float *x, float *sums, int rows, int columns, float factor) {
  int column = 0;
  for (; column + 8 <= columns; column += 8) {
    v128_t first = wasm_f32x4_splat(0), second = first;
    for (int block = 0; block < rows; block += BLOCK) {
      v128_t a = wasm_f32x4_splat(0), b = a;
      const float *from = x + block * columns + column;
      for (int row = least(BLOCK, rows - block); row > 0; row--, from += columns) {
        a = wasm_f32x4_add(a, wasm_v128_load(from));
        b = wasm_f32x4_add(b, wasm_v128_load(from + 4));
      }
      first = wasm_f32x4_add(first, a), second = wasm_f32x4_add(second, b);
    }
    v128_t by = wasm_f32x4_splat(factor);
    wasm_v128_store(sums + column, wasm_f32x4_mul(first, by));
    wasm_v128_store(sums + column + 4, wasm_f32x4_mul(second, by));
  }
  for (; column < columns; column++) {
    double sum = 0;
    for (int row = 0; row < rows; row++) sum += x[row * columns + column];
    sums[column] = sum * factor;
  }
}
