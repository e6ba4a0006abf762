// Additive attention of one step, forward and backward, and the gradient of its keys over all steps. The tensors of
// (captions, places, units) that operations one by one would write to memory exist in registers only.
//
// Symbols as in src/models/decoders/additive-attention.ts: K keys, q query, w score weights, e scores, X features,
// M = [K > -q], R = sum over places of de M, S = sum over steps of de M.

#include <cstring>

#include "attention.h"
#include "kernel.h"
#include "steps.h"
#include "vector.h"

namespace showtell {
namespace {

// The attention of n k captions, k of each image lying together. `joint` holds [gates | q | b] of each, before their biases.
//   alpha = softmax(w . max(K, -q)),  context = alpha' X,  beta = sigmoid(b),  z = beta context
void attend(TF_OpKernelContext* c) {
  const Input joint(c, 0, "joint"), bias(c, 1, "bias"), keys(c, 2, "keys"), features(c, 3, "features"),
      weight(c, 4, "weight");
  const int64_t images = keys.expect({-1, -1, -1}).size(0), places = placesOf(keys), units = keys.size(2);
  features.expect({images, places, -1});
  const int64_t channels = features.size(2);
  const int64_t rows = joint.expect({-1, -1}).size(0), width = joint.size(1);
  const int64_t gates = width - units - channels;
  if (gates < 0) throw Invalid("joint has too few columns for the query and the gate");
  bias.expect({width});
  if (weight.count() != units) throw Invalid("weight has not one number for each unit");
  // While training, captions that have ended leave: the first images are at work.
  const int64_t each = rows <= images ? 1 : rows / images;
  if (rows > images && rows % images != 0) throw Invalid("joint has not the same number of rows for each image");

  float* negativeQuery = output(c, 0, {rows, units});
  float* alpha = output(c, 1, {rows, places});
  float* context = output(c, 2, {rows, channels});
  float* beta = output(c, 3, {rows, channels});
  float* z = output(c, 4, {rows, channels});
  const float *own = bias.floats(), *k = keys.floats(), *x = features.floats(), *w = weight.floats();
  parallel(rows, 0.3 * places * units, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t image = row / each;
      const float* in = joint.floats() + row * width + gates;
      attendRow(in, own + gates, k + image * places * units, x + image * places * channels, w,
                {places, units, channels}, negativeQuery + row * units, alpha + row * places, context + row * channels,
                beta + row * channels, z + row * channels);
    }
  });
}

// Backward of `attend` for the first n captions, one of each image (attention.h); djoint = [dgates | w R | db].
void attendGradient(TF_OpKernelContext* c) {
  const Input dz(c, 0, "dz"), dGates(c, 1, "d_gates"), keys(c, 2, "keys"), features(c, 3, "features"),
      weight(c, 4, "weight"), negativeQuery(c, 5, "negative_query"), alpha(c, 6, "alpha"),
      context(c, 7, "context"), beta(c, 8, "beta"), dAlpha(c, 9, "d_alpha");
  const int64_t places = keys.expect({-1, -1, -1}).size(1), units = keys.size(2);
  features.expect({keys.size(0), places, -1});
  const int64_t channels = features.size(2), rows = dz.expect({-1, channels}).size(0);
  if (rows > keys.size(0)) throw Invalid("dz has more rows than there are images");
  const int64_t gates = dGates.expect({rows, -1}).size(1), width = gates + units + channels;
  negativeQuery.expect({rows, units});
  alpha.expect({rows, places});
  context.expect({rows, channels});
  beta.expect({rows, channels});
  if (weight.count() != units) throw Invalid("weight has not one number for each unit");
  // Without rows nothing but the words decides on the weights.
  const bool more = dAlpha.expect({-1, places}).size(0) > 0;
  if (more && dAlpha.size(0) < rows) throw Invalid("d_alpha has fewer rows than dz");

  float* dJoint = output(c, 0, {rows, width});
  float* R = output(c, 1, {rows, units});
  float* dContext = output(c, 2, {rows, channels});
  float* dScores = output(c, 3, {rows, places});
  const float *k = keys.floats(), *x = features.floats(), *w = weight.floats();
  parallel(rows, 0.3 * places * units, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      float* out = dJoint + row * width;
      std::memcpy(out, dGates.floats() + row * gates, gates * sizeof(float));
      attendGradientRow({dz.floats() + row * channels, more ? dAlpha.floats() + row * places : nullptr},
                        k + row * places * units, x + row * places * channels, w, {places, units, channels},
                        {negativeQuery.floats() + row * units, alpha.floats() + row * places,
                         context.floats() + row * channels, beta.floats() + row * channels},
                        out + gates, R + row * units, dContext + row * channels, dScores + row * places);
    }
  });
}

// S of each image over all steps of a packed batch: step t has `rows[t]` rows, which begin where the step before ended; row b
// of a step is caption b.
void keysGradient(TF_OpKernelContext* c) {
  const Input keys(c, 0, "keys"), negativeQuery(c, 1, "negative_query"), dScores(c, 2, "d_scores"), steps(c, 3, "rows");
  const int64_t images = keys.expect({-1, -1, -1}).size(0), places = placesOf(keys), units = keys.size(2);
  const int64_t total = negativeQuery.expect({-1, units}).size(0);
  dScores.expect({total, places});
  const Steps packed = stepsOf(steps, images, total);

  float* S = output(c, 0, {images, places, units});
  const float *k = keys.floats(), *nq = negativeQuery.floats(), *de = dScores.floats();
  parallel(images, 0.1 * places * units * packed.rows.size(), [&](int64_t begin, int64_t end) {
    for (int64_t image = begin; image < end; image++) {
      for (int64_t p = 0; p < places; p++) {
        const float* key = k + (image * places + p) * units;
        float* sum = S + (image * places + p) * units;
        std::memset(sum, 0, units * sizeof(float));
        for (size_t t = 0; t < packed.rows.size() && image < packed.rows[t]; t++) {
          const int64_t row = packed.begins[t] + image;
          const float d = de[row * places + p];
          const float* threshold = nq + row * units;
          for (int64_t a = 0; a < units; a++) sum[a] += key[a] > threshold[a] ? d : 0.0f;
        }
      }
    }
  });
}

const Registration attendOp("ShowtellAttend",
                            {"joint: float", "bias: float", "keys: float", "features: float", "weight: float"},
                            {"negative_query: float", "alpha: float", "context: float", "beta: float", "z: float"},
                            attend);
const Registration attendGradientOp("ShowtellAttendGradient",
                                    {"dz: float", "d_gates: float", "keys: float", "features: float", "weight: float",
                                     "negative_query: float", "alpha: float", "context: float", "beta: float",
                                     "d_alpha: float"},
                                    {"d_joint: float", "r: float", "d_context: float", "d_scores: float"},
                                    attendGradient);
const Registration keysGradientOp("ShowtellKeysGradient",
                                  {"keys: float", "negative_query: float", "d_scores: float", "rows: int32"},
                                  {"s: float"}, keysGradient);

}  // namespace
}  // namespace showtell
