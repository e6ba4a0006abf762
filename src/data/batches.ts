/**
 * Teacher-forced batches. Their content and order depend on the seed and the number of the epoch alone, so that a
 * resumed training sees what the uninterrupted one would have seen.
 */
import { Random, UserError } from '../core/index.js';
import type { EncodedImage } from './examples.js';
import { BOS, PAD } from './vocabulary.js';

/** Captions of one step, by falling length: at step t the first rows are those that still run. */
export interface CaptionBatch {
  /** images, each once (U) */
  images: string[];
  /** (B): the image of each row, as an index into `images` */
  imageOfRow: Int32Array;
  /** rows B */
  size: number;
  /** longest row T */
  steps: number;
  /** (B, T): BOS, then the words; PAD behind the end */
  inputs: Int32Array;
  /** (B, T): the words, then EOS unless the caption was cut; PAD behind the end */
  targets: Int32Array;
  /** (B): scored targets of each row, falling */
  lengths: Int32Array;
  /** (B): what the cross-entropy of each row's words counts for in the loss; 1 unless given */
  weights?: Float32Array;
  /** (B): what the dropout of each row is drawn by; its number unless given */
  keys?: Int32Array;
  /** rows and targets of the batch that this is a share of, if it is one */
  whole?: { size: number; tokens: number };
  /** scored targets of all rows */
  tokens: number;
}

export interface BatchOptions {
  /** captions a batch; the last one of an epoch may hold fewer */
  batchSize: number;
  captions: 'all' | 'one-per-image';
  /** captions of an image that a batch takes together; 1 unless given */
  captionsPerImage?: number;
  seed: number;
}

export class EpochBatches {
  /** batches an epoch */
  readonly count: number;
  private readonly captionsPerImage: number;
  private readonly groupsPerBatch: number;

  constructor(
    private readonly examples: readonly EncodedImage[],
    private readonly options: BatchOptions,
  ) {
    if (examples.length === 0) {
      throw new UserError('The training split has no caption to learn from.', {
        hint: 'Check data.splits.train, data.captions and text.tokenizer.',
      });
    }
    const { batchSize, captions, captionsPerImage = 1 } = options;
    const most = examples.reduce((max, { captions: { length } }) => Math.max(max, length), 1);
    this.captionsPerImage = captions === 'all' ? Math.min(captionsPerImage, batchSize, most) : 1;
    this.groupsPerBatch = Math.floor(batchSize / this.captionsPerImage);
    const groups = examples.reduce((sum, { captions: { length } }) => sum + this.groupsOf(length), 0);
    this.count = Math.ceil(groups / this.groupsPerBatch);
  }

  /** Of the same captions: one random one of each of `images` images. */
  onePerImage(images: number): EpochBatches {
    return new EpochBatches(this.examples, {
      ...this.options,
      captions: 'one-per-image',
      batchSize: images,
    });
  }

  /** Into how many groups the captions of an image fall. */
  private groupsOf(captions: number): number {
    return this.options.captions === 'all' ? Math.ceil(captions / this.captionsPerImage) : 1;
  }

  /**
   * The batches of epoch `epoch`.
   *
   * @param from first batch given; those before it cost nothing
   */
  *epoch(epoch: number, from = 0): Generator<CaptionBatch> {
    const groups = this.drawGroups(epoch);
    const step = this.groupsPerBatch;
    for (let start = from * step; start < groups.length; start += step) {
      yield packRows(groups.slice(start, start + step).flat());
    }
  }

  /** Captions of one image each, in random order. */
  private drawGroups(epoch: number): CaptionRow[][] {
    const { captions: which, seed } = this.options;
    const size = this.captionsPerImage;
    const groups: CaptionRow[][] = [];
    const choice = Random.for(seed, 'captions', epoch);
    for (const { image, captions } of this.examples) {
      const taken = which === 'all' ? [...captions] : [choice.pick(captions)];
      // Not always the same ones together.
      if (size > 1 && size < taken.length) choice.shuffle(taken);
      for (let start = 0; start < taken.length; start += size) {
        groups.push(taken.slice(start, start + size).map((targets) => ({ image, targets })));
      }
    }
    return Random.for(seed, 'order', epoch).shuffle(groups);
  }
}

/** A caption as a batch takes it. */
export interface CaptionRow {
  image: string;
  /** ids of its words, and EOS if it ends there */
  targets: number[];
  /** of its cross-entropy in the loss; 1 unless given */
  weight?: number;
  /** what its dropout is drawn by; its place in the batch unless given */
  key?: number;
}

/**
 * @param rows sorted in place, by falling length
 * @param given the images, in the order in which they are read; default: that of the sorted rows
 */
export function packRows(rows: CaptionRow[], given?: string[]): CaptionBatch {
  rows.sort((a, b) => b.targets.length - a.targets.length);
  const size = rows.length;
  const steps = rows[0].targets.length;
  const inputs = new Int32Array(size * steps).fill(PAD); // (B, T)
  const targets = new Int32Array(size * steps).fill(PAD); // (B, T)
  rows.forEach((row, b) => {
    inputs[b * steps] = BOS;
    inputs.set(row.targets.slice(0, -1), b * steps + 1);
    targets.set(row.targets, b * steps);
  });
  const lengths = Int32Array.from(rows, (row) => row.targets.length); // (B)
  const images = given ?? [...new Set(rows.map(({ image }) => image))];
  const index = new Map(images.map((image, i) => [image, i]));
  return {
    images,
    imageOfRow: Int32Array.from(rows, ({ image }) => index.get(image)!),
    size,
    steps,
    inputs,
    targets,
    lengths,
    ...(rows.some(({ weight }) => weight !== undefined) && {
      weights: Float32Array.from(rows, ({ weight = 1 }) => weight),
    }),
    ...(rows.some(({ key }) => key !== undefined) && {
      keys: Int32Array.from(rows, ({ key }, row) => key ?? row),
    }),
    tokens: lengths.reduce((sum, length) => sum + length, 0),
  };
}
