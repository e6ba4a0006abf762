/** The workers whose steps the cost model is fed with: both decoders at two sizes on stored features, and a fine-tuned ResNet-50. */
import type { ConfigInput } from '../src/config/index.js';
import type { Case } from './cases.js';
import type { StepsOptions } from './steps.js';
import { targetLengths } from './synthetic.js';

const small = 2535; // words of Flickr8k, as the shipped checkpoints have them
const original = 5910; // words of the original's vocabulary

/** On MobileNetV3-small's features, 100 captions a worker and step. */
const decoders: { label: string; vocabulary: number; decoder: ConfigInput['decoder'] }[] = [
  {
    label: 'LSTM of 512',
    vocabulary: small,
    decoder: { type: 'lstm', embedding: 512, hidden: 512, layers: 1 },
  },
  {
    label: "LSTM, the original's 3 layers of 300",
    vocabulary: original,
    decoder: { type: 'lstm', embedding: 300, hidden: 300, layers: 3 },
  },
  {
    label: 'soft attention, all sizes 512',
    vocabulary: small,
    decoder: { type: 'soft-attention', embedding: 512, hidden: 512, attention: 512 },
  },
  {
    label: "soft attention, the original's sizes",
    vocabulary: original,
    decoder: { type: 'soft-attention', embedding: 1024, hidden: 1024, attention: 2048 },
  },
];

export function costCases(): Case[] {
  type Common = Pick<Case, 'bench' | 'unit' | 'larger' | 'peers'>;
  const common: Common = { bench: 'cost-model', unit: 'ms/step', larger: false, peers: [] };
  const frozen = decoders.map(({ label, ...sizes }): Case => {
    const lengths = targetLengths();
    const encoder = { name: 'mobilenet_v3_small', trained: false } as const;
    const options = { ...sizes, encoder, images: lengths.length, lengths, warmup: 2, repeats: 7 };
    return { ...common, label, options: options satisfies StepsOptions };
  });
  // 40 of 100 typical captions, 5 of each image.
  const lengths = targetLengths().filter((_, i) => i % 5 < 2);
  const options = {
    decoder: decoders[2].decoder,
    vocabulary: small,
    encoder: { name: 'resnet50', trained: true, side: 224 },
    ...{ images: 8, lengths, warmup: 1, repeats: 3 },
  } satisfies StepsOptions;
  return [...frozen, { ...common, label: 'ResNet-50 trained whole, soft attention of 512', options }];
}
