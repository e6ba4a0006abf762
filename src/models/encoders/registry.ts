/** Every encoder by name, with where its weights come from. */
import { UserError } from '../../core/index.js';
import { EncoderParameters } from '../layers/index.js';
import type { StateDict } from '../state.js';
import type { Encoder } from './encoder.js';
import { mobileNetV3Small } from './mobilenet-v3.js';
import { resnet34 } from './resnet.js';
import { smallCnn } from './small-cnn.js';

/** Published weights, as torchvision documents them (torchvision/models, class `*_Weights`). */
export interface Provenance {
  url: string;
  /** First hexadecimal digits of the file's SHA-256, which torchvision keeps in the file's name. */
  sha256: string;
  licence: string;
  paper: string;
  /** ImageNet top-1 accuracy in percent, as torchvision states it. */
  top1: number;
  /** Preprocessing that the weights expect: shorter side, centre crop (pixels), and normalisation of 0..1 values. */
  resize: number;
  crop: number;
  interpolation: 'bilinear' | 'bicubic';
  mean: [number, number, number];
  std: [number, number, number];
}

export interface EncoderEntry {
  create(parameters: EncoderParameters): Encoder;
  /** Trainable parameters with the classifier. */
  parameters: number;
  /** Null: there are no published weights; it is trained from scratch. */
  weights: Provenance | null;
}

const imagenet = {
  licence: 'BSD-3-Clause',
  resize: 256,
  crop: 224,
  interpolation: 'bilinear',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
} satisfies Partial<Provenance>;

export const encoders: Record<string, EncoderEntry> = {
  resnet34: {
    create: resnet34,
    parameters: 21_797_672,
    weights: {
      ...imagenet,
      url: 'https://download.pytorch.org/models/resnet34-b627a593.pth',
      sha256: 'b627a593',
      paper: 'https://arxiv.org/abs/1512.03385',
      top1: 73.314,
    },
  },
  mobilenet_v3_small: {
    create: mobileNetV3Small,
    parameters: 2_542_856,
    weights: {
      ...imagenet,
      url: 'https://download.pytorch.org/models/mobilenet_v3_small-047dcff4.pth',
      sha256: '047dcff4',
      paper: 'https://arxiv.org/abs/1905.02244',
      top1: 67.668,
    },
  },
  small_cnn: { create: smallCnn, parameters: 80_912, weights: null },
};

/**
 * Builds an encoder. The backend must be prepared.
 * @param state weights under torchvision's names, with or without the classifier; null draws them from the seed
 * @param train none: constants with BatchNorm folded in; all: variables; BatchNorm statistics are learnt when
 *   `state` is null, otherwise fixed
 * @throws UserError that names the parameters that do not fit
 */
export function createEncoder(options: {
  name: string;
  state: StateDict | null;
  train: 'none' | 'all';
  seed: number;
}): Encoder {
  const { name, state, train, seed } = options;
  const entry = encoders[name];
  if (!entry) {
    throw new UserError(`there is no encoder "${name}"; known are ${Object.keys(encoders).join(', ')}`);
  }
  return entry.create(new EncoderParameters(name, state, train === 'all', seed));
}
