/** The batches of an epoch, step by step, read ahead of the device. */
import type { tf } from '../backend/index.js';
import { prefetch, type CaptionBatch } from '../data/index.js';
import type { World } from '../distributed/index.js';
import type { TrainingData } from './data.js';
import { shareOf } from './share.js';
import type { Source } from './sources.js';

/** Batches that are read while the device computes. */
const READ_AHEAD = 2;

/** A batch, and how to make the tensor that was read for it. */
export interface ReadBatch {
  /** of all processes */
  batch: CaptionBatch;
  /** this process's share of it; null: none */
  own: CaptionBatch | null;
  input: () => tf.Tensor;
}

/**
 * @param all the batches of each epoch
 * @param trainsEncoder whether images may be changed at random
 * @param position the epoch, and how many of its batches are done
 * @param accumulate batches of a step; the last one of an epoch may have fewer
 */
export async function* readSteps(
  { sources }: Pick<TrainingData, 'sources'>,
  all: TrainingData['batches'],
  { epoch, batch: from }: { epoch: number; batch: number },
  accumulate: number,
  world: World,
  trainsEncoder: boolean,
): AsyncGenerator<{ source: Source; batches: ReadBatch[] }> {
  const source = sources.training(epoch, trainsEncoder);
  let read = from;
  const ahead = prefetch(
    all.epoch(epoch, from),
    () => READ_AHEAD,
    async (batch) => {
      const own = shareOf(batch, world);
      return { batch, own, input: await source.read(own?.images ?? [], epoch, read++) };
    },
  );
  let batches: ReadBatch[] = [];
  for await (const one of ahead) {
    batches.push(one);
    if (batches.length < accumulate) continue;
    yield { source, batches };
    batches = [];
  }
  if (batches.length > 0) yield { source, batches };
}
