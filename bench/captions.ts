/** Captions/s from features that lie ready: the decoding strategies on a decoder that never ends a caption early. */
import { prepareBackend, tf } from '../src/backend/index.js';
import { Random } from '../src/core/index.js';
import { EOS } from '../src/data/index.js';
import { decode } from '../src/infer/index.js';
import { createDecoder } from '../src/models/index.js';
import { computedOn, rates, type Measurement } from './measure.js';
import { syntheticFeatures } from './synthetic.js';
import type { DecoderSizes } from './training.js';

export interface CaptionsOptions {
  sizes: DecoderSizes;
  /** Images decoded together. */
  batch: number;
  /** 1 is greedy. */
  beam: number;
  /** Words of every caption. */
  words: number;
  /** Batches in one repeat. */
  batches: number;
  warmup: number;
  repeats: number;
}

/** Added to the end's logit, so that it is never chosen. */
const NEVER = -1e4;

export async function measureCaptions(options: CaptionsOptions): Promise<Measurement> {
  const backend = await prepareBackend();
  const { sizes, batch, beam, words } = options;
  const { embedding, hidden, attention, dropout } = sizes;
  const decoder = createDecoder({
    config: { type: 'soft-attention', embedding, hidden, attention, dropout },
    vocabularySize: sizes.vocabulary,
    featureChannels: sizes.channels,
    seed: 1,
  });
  const state = decoder.stateDict();
  state.get('fc.bias')!.data[EOS] = NEVER;
  decoder.loadState(state);

  const shape = [batch, sizes.positions, sizes.channels];
  const values = syntheticFeatures(
    4 * batch * sizes.positions * sizes.channels,
    Random.from('bench/captions'),
  );
  const photos = tf.split(tf.tensor(values, [4 * batch, ...shape.slice(1)]), 4); // 4 x (B, P, C)
  let next = 0;
  const captionsPerSecond = await rates(options, () => {
    for (let i = 0; i < options.batches; i++) {
      const captions = decode(decoder, photos[next++ % 4], { beam, maxWords: words });
      if (captions.some(([best]) => best.ids.length !== words)) {
        throw new Error(`a caption has not the ${words} words that the rate stands for`);
      }
    }
    return options.batches * batch;
  });
  return { values: captionsPerSecond, facts: computedOn(backend) };
}
