/** What the captions of a split are like, and what is wrong with them. */
import type { Config } from '../../config/index.js';
import type { CaptionedImage, SplitName } from '../readers/index.js';
import { tokenize } from '../tokenize.js';
import { UNK, type Vocabulary } from '../vocabulary.js';
import { controlCharacter, hasReplacementCharacter, mendMojibake } from './encoding.js';
import type { Findings, SplitReport } from './report.js';

/** Words outside of the vocabulary that a report names. */
const UNKNOWN_SHOWN = 30;

export interface CheckedSplit {
  name: SplitName;
  images: readonly CaptionedImage[];
  /** Tokens of each caption of each image. */
  tokens: string[][][];
}

export function tokenizeSplit(
  name: SplitName,
  images: readonly CaptionedImage[],
  { tokenizer }: Config['text'],
): CheckedSplit {
  return {
    name,
    images,
    tokens: images.map(({ captions }) => captions.map((one) => tokenize(one, tokenizer))),
  };
}

export function describeSplit({ images, tokens }: CheckedSplit, vocabulary: Vocabulary | null): SplitReport {
  const captionsPerImage: Record<number, number> = {};
  const lengths: number[] = [];
  const counts = new Map<string, number>();
  for (const own of tokens) {
    captionsPerImage[own.length] = (captionsPerImage[own.length] ?? 0) + 1;
    for (const caption of own) {
      lengths[caption.length] = (lengths[caption.length] ?? 0) + 1;
      for (const token of caption) counts.set(token, (counts.get(token) ?? 0) + 1);
    }
  }
  const histogram = Array.from(lengths, (count) => count ?? 0);
  const captions = histogram.reduce((a, b) => a + b, 0);
  const total = [...counts.values()].reduce((a, b) => a + b, 0);
  const unknown = vocabulary ? [...counts].filter(([word]) => vocabulary.encode([word])[0] === UNK) : [];
  const missed = unknown.reduce((sum, [, count]) => sum + count, 0);
  return {
    images: images.length,
    captions,
    captionsPerImage,
    lengths: histogram,
    words: {
      mean: captions === 0 ? 0 : total / captions,
      median: quantile(histogram, 0.5),
      p95: quantile(histogram, 0.95),
      most: Math.max(0, histogram.length - 1),
    },
    tokens: total,
    types: counts.size,
    covered: vocabulary && (total === 0 ? 1 : 1 - missed / total),
    unknown: unknown.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, UNKNOWN_SHOWN),
  };
}

/** The least length that a share of the captions does not exceed. */
function quantile(histogram: readonly number[], share: number): number {
  const all = histogram.reduce((a, b) => a + b, 0);
  let seen = 0;
  return Math.max(
    0,
    histogram.findIndex((count) => (seen += count) >= share * all),
  );
}

/** Adds what is wrong with captions. */
export function checkCaptions(
  splits: readonly CheckedSplit[],
  { tokenizer, maxWords }: Config['text'],
  findings: Findings,
): void {
  const empty: string[] = [];
  const repeated: string[] = [];
  const long: string[] = [];
  const mojibake: string[] = [];
  const replaced: string[] = [];
  const control: string[] = [];
  for (const { name, images, tokens } of splits) {
    images.forEach(({ image, captions }, i) => {
      const seen = new Set<string>();
      captions.forEach((caption, k) => {
        const where = `${image} (${name}): ${JSON.stringify(caption)}`;
        const length = tokens[i][k].length;
        if (length === 0) empty.push(where);
        if (length > maxWords) long.push(`${where}, ${length} words`);
        const plain = caption.toLowerCase().replace(/\s+/g, ' ');
        if (seen.has(plain)) repeated.push(where);
        seen.add(plain);
        const mended = mendMojibake(caption);
        const character = controlCharacter(caption);
        if (mended !== undefined) mojibake.push(`${where} is likely ${JSON.stringify(mended)}`);
        else if (hasReplacementCharacter(caption)) replaced.push(where);
        else if (character !== undefined) control.push(`${where} has ${character}`);
      });
    });
  }
  findings.add(
    'mojibake',
    'warning',
    mojibake,
    (n) => `${n} captions are UTF-8 that was read in another encoding; save them from the original again`,
  );
  findings.add(
    'replacement-character',
    'warning',
    replaced,
    (n) => `${n} captions hold U+FFFD, which stands where a character was lost`,
  );
  findings.add('control-character', 'warning', control, (n) => `${n} captions hold control characters`);
  findings.add(
    'empty-caption',
    'warning',
    empty,
    (n) => `${n} captions have no word for the tokenizer ${tokenizer}; training leaves them out`,
  );
  findings.add(
    'repeated-caption',
    'note',
    repeated,
    (n) => `${n} captions repeat another one of their image`,
  );
  findings.add(
    'long-caption',
    'note',
    long,
    (n) => `${n} captions have more than ${maxWords} words (text.maxWords); training cuts them`,
  );
  fewCaptions(splits, findings);
}

/** Images with fewer captions than most of their split: a sign of lost lines. */
function fewCaptions(splits: readonly CheckedSplit[], findings: Findings): void {
  for (const { name, images } of splits) {
    const counts = new Map<number, number>();
    for (const { captions } of images) counts.set(captions.length, (counts.get(captions.length) ?? 0) + 1);
    const usual = [...counts].sort(([, a], [, b]) => b - a)[0];
    if (!usual || usual[1] < images.length / 2) continue;
    const fewer = images.filter(({ captions }) => captions.length < usual[0]);
    findings.add(
      'few-captions',
      'note',
      fewer.map(({ image, captions }) => `${image} (${name}): ${captions.length}`),
      (n) => `${n} images of the ${name} split have fewer captions than the ${usual[0]} of most`,
    );
  }
}
