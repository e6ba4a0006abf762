/** Checkpoints that say something at once: untrained, with a few words, for tests of what is around a model. */
import { prepareBackend } from '../../src/backend/index.js';
import { saveCheckpoint } from '../../src/checkpoint/index.js';
import { configSchema, type ConfigInput } from '../../src/config/index.js';
import { Vocabulary } from '../../src/data/index.js';
import { createDecoder, createEncoder } from '../../src/models/index.js';

const WORDS = ['a', 'red', 'green', 'square', 'on', 'the', 'dog', 'runs', 'two', 'people'];

/** Writes one that sees 32 x 32 pixels. */
export async function writeTinyCheckpoint(
  directory: string,
  decoderConfig: ConfigInput['decoder'] = { type: 'soft-attention', embedding: 8, hidden: 12, attention: 8 },
  image: ConfigInput['image'] = { resize: [32, 32], crop: null },
): Promise<void> {
  await prepareBackend();
  const config = configSchema.parse({
    name: 'tiny',
    output: directory,
    data: { format: 'flickr-csv', captions: 'c', images: 'i', splits: { train: 't', validation: 'v' } },
    image,
    encoder: { name: 'small_cnn' },
    decoder: decoderConfig,
  } satisfies ConfigInput);
  const vocabulary = Vocabulary.build([WORDS], { minCount: 1, maxSize: null });
  const encoder = createEncoder({ name: 'small_cnn', state: null, train: 'none', seed: 1 });
  const decoder = createDecoder({
    config: config.decoder,
    vocabularySize: vocabulary.size,
    featureChannels: encoder.outputShape(32, 32)[2],
    seed: 2,
  });
  saveCheckpoint(directory, { config, vocabulary, encoder, decoder, metrics: null });
  encoder.dispose();
  decoder.dispose();
}
