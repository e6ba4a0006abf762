/** Tiny decoders for the tests of decoding, and what captions are worth by teacher forcing. */
import { tf } from '../../src/backend/index.js';
import { BOS, EOS } from '../../src/data/index.js';
import { createDecoder, type Decoder, type DecoderConfig } from '../../src/models/index.js';
import type { DecodedCaption } from '../../src/infer/index.js';

export const decoderConfigs: Record<string, DecoderConfig> = {
  lstm: { type: 'lstm', embedding: 4, hidden: 5, layers: 2, dropout: 0, outputDropout: 0 },
  'soft-attention': { type: 'soft-attention', embedding: 4, hidden: 5, attention: 3, dropout: 0 },
};
/** Four special words and four others. */
export const VOCABULARY = 8;
const CHANNELS = 6;

/** A decoder whose probabilities are far from even, so that searches have something to decide. */
export function randomDecoder(name: string, seed: number, endBias = 0): Decoder {
  const decoder = createDecoder({
    config: decoderConfigs[name],
    vocabularySize: VOCABULARY,
    featureChannels: CHANNELS,
    seed,
  });
  const state = decoder.stateDict();
  for (const [parameter, { shape, data }] of state) {
    state.set(parameter, { shape, data: data.map((x) => 4 * x) });
  }
  state.get(name === 'lstm' ? 'linear.bias' : 'fc.bias')!.data[EOS] += endBias;
  decoder.loadState(state);
  return decoder;
}

export function randomFeatures(name: string, images: number, seed: number): tf.Tensor {
  const shape = name === 'lstm' ? [images, CHANNELS] : [images, 3, CHANNELS];
  return tf.randomUniform(shape, -4, 4, 'float32', seed);
}

function batchOf(targets: number[]) {
  return {
    size: 1,
    steps: targets.length,
    inputs: Int32Array.from([BOS, ...targets.slice(0, -1)]),
    targets: Int32Array.from(targets),
    lengths: Int32Array.of(targets.length),
  };
}

/** Log-probability of a caption by teacher forcing; the loss is a mean over its targets. */
export function rescore(
  decoder: Decoder,
  feature: tf.Tensor,
  { ids, finished }: Pick<DecodedCaption, 'ids' | 'finished'>,
): number {
  const targets = finished ? [...ids, EOS] : ids;
  if (targets.length === 0) return 0;
  return tf.tidy(() => -decoder.loss(feature, batchOf(targets)).dataSync()[0] * targets.length);
}

/** Log-probabilities of all words after `ids`, and the attention of each of its words, by teacher forcing. */
export function teacherForced(decoder: Decoder, feature: tf.Tensor, ids: readonly number[]) {
  return tf.tidy(() => {
    const { logits, attention } = decoder.teacherForced(feature, batchOf([...ids, EOS]));
    const next = tf.logSoftmax(tf.slice(logits, [0, ids.length, 0], [1, 1, -1]));
    const maps = attention?.arraySync()[0].slice(0, ids.length);
    return { next: [...next.dataSync()], attention: maps };
  });
}
