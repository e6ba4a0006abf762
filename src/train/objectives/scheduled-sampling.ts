/**
 * Scheduled sampling (Bengio et al. 2015): some of the words that the decoder is fed are drawn from what it said itself one
 * step before. The words are drawn first, step by step and without dropout, and the sequence then runs over them as over
 * any other batch: no gradient flows through the choice of a word.
 */
import { tf } from '../../backend/index.js';
import { Random } from '../../core/index.js';
import type { CaptionBatch } from '../../data/index.js';
import { draw } from '../../infer/index.js';
import type { Decoder } from '../../models/index.js';
import { perCaption } from './rows.js';

/**
 * The batch with inputs of which each, but for the first, is a right word with probability `share`. The targets stay.
 * @param features of its images, (U, ...), asked for where a word is drawn
 * @param seed 32-bit integer
 */
export function mixInputs(
  decoder: Decoder,
  features: () => tf.Tensor,
  batch: CaptionBatch,
  share: number,
  seed: number,
): CaptionBatch {
  const { size, steps, lengths } = batch;
  // Each caption draws from a generator of its own, whatever batch it is in.
  const generators = Array.from({ length: size }, (_, b) =>
    Random.for(seed, 'scheduled sampling', batch.keys?.[b] ?? b),
  );
  const numbers = () => generators.map((random) => random.next());
  const choices = Array.from({ length: steps - 1 }, (_, t) => ({
    own: numbers().map((u, b) => u >= share && t + 1 < lengths[b]),
    uniform: numbers(),
  }));
  const last = choices.findLastIndex(({ own }) => own.includes(true));
  if (last < 0) return batch;

  const inputs = batch.inputs.slice();
  const column = (t: number) => Int32Array.from({ length: size }, (_, b) => inputs[b * steps + t]);
  const chosen = tf.tidy(() => {
    let words = tf.tensor1d(column(0), 'int32');
    let state = decoder.start(perCaption(features(), batch));
    const mixed: tf.Tensor1D[] = [];
    for (const [t, { own, uniform }] of choices.slice(0, last + 1).entries()) {
      const step = decoder.step(state, words);
      state = step.state;
      const right = tf.tensor1d(column(t + 1), 'int32');
      if (own.includes(true)) {
        const said = draw(step.logits, { temperature: 1, topK: null, topP: null }, uniform);
        words = tf.where(tf.tensor1d(own, 'bool'), said.words, right);
      } else words = right;
      mixed.push(words);
    }
    return tf.stack(mixed); // (T', B)
  });
  const ids = chosen.dataSync();
  chosen.dispose();
  for (let t = 0; t <= last; t++)
    for (let b = 0; b < size; b++) inputs[b * steps + t + 1] = ids[t * size + b];
  return { ...batch, inputs };
}
