/** Decoders by their type. */
import { LstmDecoder } from './lstm.js';
import { SoftAttentionDecoder } from './soft-attention.js';
import type { Decoder, DecoderConfig } from './types.js';

/**
 * A decoder with fresh parameters.
 * @param featureChannels size of an image feature: of the pooled vector, or of one place of the map
 * @param seed of the initial parameters
 */
export function createDecoder({
  config,
  vocabularySize,
  featureChannels,
  seed,
}: {
  config: DecoderConfig;
  vocabularySize: number;
  featureChannels: number;
  seed: number;
}): Decoder {
  return config.type === 'lstm'
    ? new LstmDecoder(config, vocabularySize, featureChannels, seed)
    : new SoftAttentionDecoder(config, vocabularySize, featureChannels, seed);
}
