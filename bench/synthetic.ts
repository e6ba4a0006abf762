/** Deterministic stand-ins for captions, features, configurations and photos: a bench needs no data set. */
import { join } from 'node:path';
import sharp from 'sharp';
import { configSchema, type Config, type ConfigInput } from '../src/config/index.js';
import { Random } from '../src/core/index.js';
import type { CaptionBatch } from '../src/data/index.js';
import { BOS, EOS, specialWords } from '../src/data/index.js';

/**
 * How many of 100 captions have so many words: the lengths of Flickr8k's 30,000 training captions (letters only, at
 * most 20 words), rounded to hundredths.
 */
const captionsOfLength: Record<number, number> = {
  4: 2,
  5: 3,
  6: 6,
  7: 9,
  8: 9,
  9: 11,
  10: 11,
  11: 11,
  12: 9,
  13: 8,
  14: 6,
  15: 4,
  16: 4,
  17: 2,
  18: 2,
  19: 1,
  20: 2,
};

/** Scored targets (words and the end) of 100 captions, falling; they sum to 1,173. */
export function targetLengths(): number[] {
  return Object.entries(captionsOfLength)
    .flatMap(([words, captions]) => Array<number>(captions).fill(Number(words) + 1))
    .sort((a, b) => b - a);
}

/**
 * Draws words as often as people use them, by the law of Zipf and Mandelbrot: the word of rank r with a probability that
 * falls as (r + 1)^-1.2. So captions repeat few words often, as people's do.
 */
export function wordDrawing(vocabulary: number, random: Random): () => number {
  const sums = new Float64Array(vocabulary - specialWords.length);
  let sum = 0;
  for (let i = 0; i < sums.length; i++) sums[i] = sum += (i + 2) ** -1.2;
  return () => {
    const wanted = random.next() * sum;
    let [low, high] = [0, sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] > wanted) high = middle;
      else low = middle + 1;
    }
    return specialWords.length + low;
  };
}

/** A batch of random words with the given numbers of targets (falling). */
export function syntheticBatch(lengths: readonly number[], vocabulary: number, random: Random): CaptionBatch {
  const size = lengths.length;
  const steps = lengths[0];
  const inputs = new Int32Array(size * steps); // (B, T)
  const targets = new Int32Array(size * steps); // (B, T)
  const draw = wordDrawing(vocabulary, random);
  lengths.forEach((length, b) => {
    for (let t = 0; t < length; t++) {
      const word = draw();
      const last = t === length - 1;
      inputs[b * steps + t] = t === 0 ? BOS : targets[b * steps + t - 1];
      targets[b * steps + t] = last ? EOS : word;
    }
  });
  return {
    images: lengths.map((_, b) => String(b)),
    imageOfRow: Int32Array.from(lengths.keys()),
    size,
    steps,
    inputs,
    targets,
    lengths: Int32Array.from(lengths),
    tokens: lengths.reduce((sum, length) => sum + length, 0),
  };
}

/** `count` numbers in [0, 1). */
export function syntheticFeatures(count: number, random: Random): Float32Array {
  return Float32Array.from({ length: count }, () => random.next());
}

/** A complete configuration; files that it names but that a bench does not give are never read. */
export function syntheticConfig(
  decoder: ConfigInput['decoder'],
  changes: Partial<Pick<ConfigInput, 'image' | 'training'>> & { images?: string } = {},
): Config {
  const { images = 'unused', ...rest } = changes;
  return configSchema.parse({
    name: 'bench',
    output: 'unused',
    data: {
      format: 'flickr-csv',
      captions: 'unused',
      images,
      splits: { train: 'unused', validation: 'unused' },
    },
    encoder: { name: 'mobilenet_v3_small' },
    decoder,
    ...rest,
  } satisfies ConfigInput);
}

/** Words for a vocabulary that nothing was trained on: aaa, aab, .. */
export function syntheticWords(count: number): string[] {
  const letter = (n: number) => String.fromCharCode(97 + (n % 26));
  return Array.from(
    { length: count },
    (_, i) => letter(Math.floor(i / 676)) + letter(Math.floor(i / 26)) + letter(i),
  );
}

/** Draws `count` JPEGs (500x375, quality 85) of coloured shapes under grain; their sizes are those of photos. */
export async function drawPhotos(directory: string, count: number): Promise<void> {
  const [width, height] = [500, 375];
  for (let photo = 0; photo < count; photo++) {
    const random = Random.for(1, 'photo', photo);
    const shapes = Array.from({ length: 40 }, () => {
      const colour = `rgb(${random.integer(256)},${random.integer(256)},${random.integer(256)})`;
      const [x, y, rx, ry] = [width, height, 120, 90].map((bound) => random.integer(bound));
      return `<ellipse cx="${x}" cy="${y}" rx="${rx}" ry="${ry}" fill="${colour}" fill-opacity="0.6"/>`;
    });
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${shapes.join('')}</svg>`;
    const { data } = await sharp(Buffer.from(svg)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    for (let i = 0; i < data.length; i++)
      data[i] = Math.max(0, Math.min(255, data[i] + random.integer(25) - 12));
    await sharp(data, { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 85 })
      .toFile(join(directory, `photo-${String(photo).padStart(4, '0')}.jpg`));
  }
}
