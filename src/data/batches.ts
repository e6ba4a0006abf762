/**
 * Teacher-forced batches. Their content and order depend on the seed and the number of the epoch alone, so that a
 * resumed training sees what the uninterrupted one would have seen.
 */
import { Random, UserError } from '../core/index.js';
import type { EncodedImage } from './examples.js';
import { BOS, PAD } from './vocabulary.js';

/** Captions of one step, by falling length: at step t the first rows are those that still run. */
export interface CaptionBatch {
  /** image of each row (B) */
  images: string[];
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
  /** scored targets of all rows */
  tokens: number;
}

export interface BatchOptions {
  /** captions a batch; the last one of an epoch may hold fewer */
  batchSize: number;
  captions: 'all' | 'one-per-image';
  seed: number;
}

export class EpochBatches {
  /** batches an epoch */
  readonly count: number;
  private readonly captionsAnEpoch: number;

  constructor(
    private readonly examples: readonly EncodedImage[],
    private readonly options: BatchOptions,
  ) {
    if (examples.length === 0) {
      throw new UserError('The training split has no caption to learn from.', {
        hint: 'Check data.splits.train, data.captions and text.tokenizer.',
      });
    }
    this.captionsAnEpoch =
      options.captions === 'all'
        ? examples.reduce((sum, { captions }) => sum + captions.length, 0)
        : examples.length;
    this.count = Math.ceil(this.captionsAnEpoch / options.batchSize);
  }

  /**
   * The batches of epoch `epoch`.
   *
   * @param from first batch given; those before it cost nothing
   */
  *epoch(epoch: number, from = 0): Generator<CaptionBatch> {
    const rows = this.drawRows(epoch);
    for (let start = from * this.options.batchSize; start < rows.length; start += this.options.batchSize) {
      yield packRows(rows.slice(start, start + this.options.batchSize));
    }
  }

  private drawRows(epoch: number): Row[] {
    const rows: Row[] = [];
    const choice = Random.for(this.options.seed, 'captions', epoch);
    for (const { image, captions } of this.examples) {
      const taken = this.options.captions === 'all' ? captions : [choice.pick(captions)];
      for (const targets of taken) rows.push({ image, targets });
    }
    return Random.for(this.options.seed, 'order', epoch).shuffle(rows);
  }
}

interface Row {
  image: string;
  targets: number[];
}

function packRows(rows: Row[]): CaptionBatch {
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
  return {
    images: rows.map(({ image }) => image),
    size,
    steps,
    inputs,
    targets,
    lengths,
    tokens: lengths.reduce((sum, length) => sum + length, 0),
  };
}
