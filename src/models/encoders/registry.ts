/** Every encoder by name, with where its weights come from. */
import { UserError } from '../../core/index.js';
import { EncoderParameters } from '../layers/index.js';
import type { StateDict } from '../state.js';
import type { Encoder } from './encoder.js';
import { mobileNetV2 } from './mobilenet-v2.js';
import { mobileNetV3Large, mobileNetV3Small } from './mobilenet-v3.js';
import { resnet101, resnet152, resnet18, resnet34, resnet50 } from './resnet.js';
import { smallCnn } from './small-cnn.js';

/** Published weights, as torchvision documents them (torchvision/models, class `*_Weights`). */
export interface Provenance {
  url: string;
  /** First hexadecimal digits of the file's SHA-256, which torchvision keeps in the file's name. */
  sha256: string;
  /** Of the file, in MB of 2^20 bytes, as torchvision states it. */
  megabytes: number;
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
  /** C of the last stage's feature map. */
  channels: number;
  /** Trainable parameters with the classifier. */
  parameters: number;
  /** Null: there are no published weights; it is trained from scratch. */
  weights: Provenance | null;
}

/** torchvision's `IMAGENET1K_V1` weights of a model, from its file's name and the table of its documentation. */
function imagenetV1(file: string, megabytes: number, top1: number, arxiv: string): Provenance {
  return {
    url: `https://download.pytorch.org/models/${file}`,
    sha256: file.replace(/^.*-|\.pth$/g, ''),
    megabytes,
    licence: 'BSD-3-Clause',
    paper: `https://arxiv.org/abs/${arxiv}`,
    top1,
    resize: 256,
    crop: 224,
    interpolation: 'bilinear',
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  };
}

const RESNET = '1512.03385';
const MOBILENET_V2 = '1801.04381';
const MOBILENET_V3 = '1905.02244';

export const encoders: Record<string, EncoderEntry> = {
  resnet18: {
    create: resnet18,
    channels: 512,
    parameters: 11_689_512,
    weights: imagenetV1('resnet18-f37072fd.pth', 44.661, 69.758, RESNET),
  },
  resnet34: {
    create: resnet34,
    channels: 512,
    parameters: 21_797_672,
    weights: imagenetV1('resnet34-b627a593.pth', 83.275, 73.314, RESNET),
  },
  resnet50: {
    create: resnet50,
    channels: 2048,
    parameters: 25_557_032,
    weights: imagenetV1('resnet50-0676ba61.pth', 97.781, 76.13, RESNET),
  },
  resnet101: {
    create: resnet101,
    channels: 2048,
    parameters: 44_549_160,
    weights: imagenetV1('resnet101-63fe2227.pth', 170.511, 77.374, RESNET),
  },
  resnet152: {
    create: resnet152,
    channels: 2048,
    parameters: 60_192_808,
    weights: imagenetV1('resnet152-394f9c45.pth', 230.434, 78.312, RESNET),
  },
  mobilenet_v2: {
    create: mobileNetV2,
    channels: 1280,
    parameters: 3_504_872,
    weights: imagenetV1('mobilenet_v2-b0353104.pth', 13.555, 71.878, MOBILENET_V2),
  },
  mobilenet_v3_small: {
    create: mobileNetV3Small,
    channels: 576,
    parameters: 2_542_856,
    weights: imagenetV1('mobilenet_v3_small-047dcff4.pth', 9.829, 67.668, MOBILENET_V3),
  },
  mobilenet_v3_large: {
    create: mobileNetV3Large,
    channels: 960,
    parameters: 5_483_032,
    weights: imagenetV1('mobilenet_v3_large-8738ca79.pth', 21.114, 74.042, MOBILENET_V3),
  },
  small_cnn: { create: smallCnn, channels: 96, parameters: 80_912, weights: null },
};

/**
 * Builds an encoder. The backend must be prepared.
 * @param state weights under torchvision's names, with or without the classifier; null draws them from the seed
 * @param train none: constants with BatchNorm folded in; all: variables; "from-stage NAME": variables from that stage
 *   on. BatchNorm statistics of variables are learnt when `state` is null, otherwise fixed
 * @throws UserError that names the parameters that do not fit, or a stage that is none
 */
export function createEncoder(options: {
  name: string;
  state: StateDict | null;
  train: string;
  seed: number;
}): Encoder {
  const { name, state, train, seed } = options;
  const entry = encoders[name];
  if (!entry) {
    throw new UserError(`there is no encoder "${name}"; known are ${Object.keys(encoders).join(', ')}`);
  }
  return entry.create(new EncoderParameters(name, state, train, seed));
}
