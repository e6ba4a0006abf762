/**
 * The files of Karpathy and Fei-Fei 2015 (dataset_flickr8k.json, dataset_flickr30k.json, dataset_coco.json), which hold
 * the splits that most papers report on. COCO's `restval`, what its validation set has beyond 5,000 + 5,000 images,
 * counts as training, as in those papers.
 */
import { readJsonEntries } from './json-entries.js';
import { recordProblem, type CaptionReader, type CaptionsByImage, type SplitName } from './reader.js';

const splitOf: Record<string, SplitName> = {
  train: 'train',
  restval: 'train',
  val: 'validation',
  test: 'test',
};

export const karpathyJson: CaptionReader = {
  accepted:
    '{"images": [{"filename", "filepath" (if in a subfolder), "split": train, restval, val or test, ' +
    '"sentences": [{"raw"}]}]}',
  read(text, file, bad) {
    const captions: CaptionsByImage = new Map();
    const splits = new Map<string, SplitName>();
    const takers = {
      images({ filename, filepath, split, sentences }: Record<string, unknown>) {
        if (typeof filename !== 'string' || filename.trim() === '') return 'the image name is empty';
        if (filepath !== undefined && typeof filepath !== 'string') return 'filepath is no text';
        const image = [filepath?.trim(), filename.trim()].filter(Boolean).join('/');
        if (captions.has(image)) return `${image} is there already`;
        if (typeof split !== 'string' || !Object.hasOwn(splitOf, split)) {
          return `the split of ${image} is ${JSON.stringify(split) ?? 'missing'}, not one of ${Object.keys(splitOf).join(', ')}`;
        }
        if (!Array.isArray(sentences) || sentences.length === 0) return `${image} has no sentences`;
        const found = sentences.map(sentenceText);
        const problem = found.map((caption) => recordProblem(image, caption)).find(Boolean);
        if (problem) return problem;
        captions.set(image, found);
        splits.set(image, splitOf[split]);
        return undefined;
      },
    };
    readJsonEntries(text, file, takers, bad, `Accepted (data.format: karpathy-json): ${this.accepted}.`);
    return { captions, splits };
  },
};

/** `raw`, or the tokens where a file was stripped of it; empty: neither. */
function sentenceText(sentence: unknown): string {
  const { raw, tokens } = (sentence ?? {}) as { raw?: unknown; tokens?: unknown };
  if (typeof raw === 'string') return raw.trim();
  return Array.isArray(tokens) ? tokens.join(' ').trim() : '';
}
