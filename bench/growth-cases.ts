/** How the cost of training grows: the same step with one size at a time changed. */
import type { Case } from './cases.js';
import { targetLengths } from './synthetic.js';
import type { DecoderSizes, TrainingOptions } from './training.js';

/** Captions of a step where nothing else is said. */
const CAPTIONS = 64;

export function growthCases(sizes: DecoderSizes): Case[] {
  const lengths = targetLengths().filter((_, i) => i % 100 < CAPTIONS);
  const one = (label: string, changed: Partial<TrainingOptions>): Case => ({
    bench: 'growth',
    label,
    unit: 'words/s',
    larger: true,
    options: {
      sizes,
      lengths,
      precision: 'float32',
      warmup: 2,
      repeats: 5,
      ...changed,
    } satisfies TrainingOptions,
    peers: [],
  });
  const thousands = (count: number) => count.toLocaleString('en');
  return [
    ...[2_500, 10_000, 40_000].map((vocabulary) =>
      one(`vocabulary of ${thousands(vocabulary)} words`, { sizes: { ...sizes, vocabulary } }),
    ),
    ...[256, 512, 1024, 2048].map((size) =>
      one(`embedding, hidden state and attention of ${thousands(size)}`, {
        sizes: { ...sizes, embedding: size, hidden: size, attention: size },
      }),
    ),
    ...[49, 196].map((positions) => one(`maps of ${positions} places`, { sizes: { ...sizes, positions } })),
    ...[5, 10, 20, 40].map((words) =>
      one(`captions of ${words} words`, { lengths: Array<number>(CAPTIONS).fill(words + 1) }),
    ),
    ...[16, 64, 256].map((captions) =>
      one(`${captions} captions a step`, { lengths: Array<number>(captions).fill(12) }),
    ),
  ];
}
