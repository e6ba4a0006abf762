/**
 * Teacher-forced batches. Their content and order depend on the seed and the number of the epoch alone, so that a
 * resumed training sees what the uninterrupted one would have seen.
 */
import { Random, UserError } from '../core/index.js';
import type { Examples } from './examples.js';
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
  /** groups of captions an epoch */
  private readonly groups: number;
  private readonly captionsPerImage: number;
  private readonly groupsPerBatch: number;

  constructor(
    private readonly examples: Examples,
    private readonly options: BatchOptions,
  ) {
    const { batchSize, captions, captionsPerImage = 1 } = options;
    const most = examples.counts.reduce((max, count) => Math.max(max, count), 0);
    if (most === 0) {
      throw new UserError('The training split has no caption to learn from.', {
        hint: 'Check data.splits.train, data.captions and text.tokenizer.',
      });
    }
    this.captionsPerImage = captions === 'all' ? Math.min(captionsPerImage, batchSize, most) : 1;
    this.groupsPerBatch = Math.floor(batchSize / this.captionsPerImage);
    this.groups = examples.counts.reduce((sum, count) => sum + this.groupsOf(count), 0);
    this.count = Math.ceil(this.groups / this.groupsPerBatch);
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
    if (this.options.captions === 'all') return Math.ceil(captions / this.captionsPerImage);
    return captions > 0 ? 1 : 0;
  }

  /**
   * The batches of epoch `epoch`.
   *
   * @param from first batch given; those before it cost nothing
   */
  *epoch(epoch: number, from = 0): Generator<CaptionBatch> {
    const drawn = this.drawGroups(epoch);
    const step = this.groupsPerBatch;
    for (let start = from * step; start < this.groups; start += step) {
      const rows: CaptionRow[] = [];
      for (const group of drawn.groups.subarray(start, start + step)) this.addRows(rows, group, drawn.order);
      yield packRows(rows);
    }
  }

  /** Captions of one image each, in random order. Numbers only: of a million images they take 20 MB. */
  private drawGroups(epoch: number): DrawnGroups {
    const { captions: which, seed } = this.options;
    const { first, counts } = this.examples;
    const size = this.captionsPerImage;
    const groups = new Int32Array(this.groups);
    const order = size > 1 ? numbersTo(first.at(-1)! + counts.at(-1)!) : null;
    const choice = Random.for(seed, 'captions', epoch);
    let drawn = 0;
    for (let image = 0; image < counts.length; image++) {
      const [start, count] = [first[image], counts[image]];
      if (count === 0) continue;
      if (which !== 'all') {
        groups[drawn++] = start + choice.integer(count);
        continue;
      }
      // Not always the same ones together.
      if (order && size < count) choice.shuffle(order.subarray(start, start + count));
      for (let at = 0; at < count; at += size) groups[drawn++] = start + at;
    }
    return { groups: Random.for(seed, 'order', epoch).shuffle(groups), order };
  }

  /** Adds the captions of the group that begins at `start`. */
  private addRows(rows: CaptionRow[], start: number, order: Int32Array | null): void {
    const { first, counts } = this.examples;
    const number = lastAtMost(first, start);
    const image = this.examples.name(number);
    const end = Math.min(start + this.captionsPerImage, first[number] + counts[number]);
    for (let at = start; at < end; at++) {
      rows.push({ image, targets: this.examples.targets(order ? order[at] : at) });
    }
  }
}

interface DrawnGroups {
  /** where each group begins */
  groups: Int32Array;
  /** the captions in the order in which groups take them; null: that of their numbers */
  order: Int32Array | null;
}

function numbersTo(end: number): Int32Array {
  const numbers = new Int32Array(end);
  for (let i = 0; i < end; i++) numbers[i] = i;
  return numbers;
}

/** The last index whose value is at most `bound`, of values that rise. */
function lastAtMost(values: Int32Array, bound: number): number {
  let low = 0;
  let high = values.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (values[middle] <= bound) low = middle;
    else high = middle;
  }
  return low;
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
