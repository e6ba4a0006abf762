/**
 * The settings of a training run. One schema serves validation, defaults, types and help; every field says its
 * unit and its effect. Relative paths are relative to the working directory.
 */
import { z } from 'zod';
import { count, fraction, trainingSchema } from './training-schema.js';
import type { augmentSchema, scheduledSamplingSchema, selfCriticalSchema } from './training-schema.js';

export const deviceSchema = z
  .strictObject({
    backend: z
      .enum(['auto', 'native', 'wasm'])
      .default('auto')
      .describe('native TensorFlow, WebAssembly, or the best that loads'),
    precision: z
      .enum(['float32', 'bfloat16'])
      .default('float32')
      .describe(
        'bfloat16 rounds the factors of matrix products on native TensorFlow; faster on GPUs, with AMX and AVX-512 bfloat16',
      ),
    threads: count
      .nullable()
      .default(null)
      .describe('CPU threads; null takes all cores, but one on WebAssembly, which takes at most 8'),
  })
  .describe('what computes');

const bySplit = z.strictObject({
  train: z.string().optional(),
  validation: z.string().optional(),
  test: z.string().optional(),
});

/** Formats whose one file says of each image which split it is in. */
const withOwnSplits: readonly string[] = ['karpathy-json', 'imagefolder'];

export const dataSchema = z
  .strictObject({
    format: z
      .enum(['flickr-csv', 'flickr-token', 'karpathy-json', 'coco-annotations', 'imagefolder'])
      .describe(
        'flickr-csv: lines image,caption; flickr-token: lines name#n<TAB>caption; karpathy-json: dataset_*.json of ' +
          'Karpathy, with splits; coco-annotations: captions_*.json of COCO; imagefolder: metadata.csv or ' +
          'metadata.jsonl among the images (Hugging Face)',
      ),
    captions: z
      .union([z.string(), bySplit])
      .optional()
      .describe('the captions file, or one a split under train, validation and test; none for imagefolder'),
    images: z.string().describe('the folder of the images'),
    splits: bySplit
      .optional()
      .describe('files that list one image name a line; not needed where the captions are split already'),
    onBadImage: z
      .enum(['error', 'skip'])
      .default('error')
      .describe('a missing or unreadable image ends the run, or is reported and left out'),
    onSharedImages: z
      .enum(['error', 'warn'])
      .default('error')
      .describe('the same image, by name or content, in two splits ends a training, or is warned of'),
  })
  .superRefine(({ format, captions, splits }, context) => {
    const wrong = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (format === 'imagefolder' ? captions !== undefined : captions === undefined) {
      const expected =
        format === 'imagefolder'
          ? 'expected none, for the metadata lies in the folder data.images'
          : 'expected a file, or one for each of train and validation';
      wrong(['captions'], expected);
      return;
    }
    if (withOwnSplits.includes(format) && typeof captions !== 'object') return;
    for (const name of ['train', 'validation'] as const) {
      if (splits?.[name] !== undefined) continue;
      if (typeof captions !== 'object') {
        wrong(
          ['splits', name],
          `expected a file that lists images, or a captions file for each split in data.captions, for ${format} says no splits`,
        );
      } else if (captions[name] === undefined)
        wrong(['captions', name], 'expected the captions file of this split');
    }
  })
  .describe('captions, images and splits');

export const textSchema = z
  .strictObject({
    tokenizer: z
      .enum(['letters', 'treebank', 'words'])
      .default('letters')
      .describe('letters: a-z only; treebank: Penn Treebank rules; words: any script'),
    minCount: count.default(5).describe('a word is kept when training captions hold it this often'),
    maxSize: count
      .nullable()
      .default(null)
      .describe('largest vocabulary with the 4 special words; null: no limit'),
    maxWords: count.default(20).describe('words of a training caption; the rest is cut off'),
  })
  .describe('tokens and vocabulary');

export const imageSchema = z
  .strictObject({
    resize: z
      .union([count, z.tuple([count, count])])
      .default(256)
      .describe('pixels of the shorter side, or [height, width] with the aspect ignored'),
    crop: count.nullable().default(224).describe('side of the centre crop in pixels; null: none'),
    interpolation: z
      .enum(['bilinear', 'bicubic'])
      .default('bilinear')
      .describe('resampling filter, as in Pillow'),
    mean: z
      .tuple([z.number(), z.number(), z.number()])
      .default([0.485, 0.456, 0.406])
      .describe('per channel, of pixel values in 0..1'),
    std: z
      .tuple([z.number().positive(), z.number().positive(), z.number().positive()])
      .default([0.229, 0.224, 0.225])
      .describe('per channel, of pixel values in 0..1'),
  })
  .describe('preprocessing');

export const encoderSchema = z
  .strictObject({
    name: z
      .enum([
        'resnet18',
        'resnet34',
        'resnet50',
        'resnet101',
        'resnet152',
        'mobilenet_v2',
        'mobilenet_v3_small',
        'mobilenet_v3_large',
        'small_cnn',
      ])
      .describe('architecture'),
    weights: z
      .string()
      .nullable()
      .default(null)
      .describe(
        "torchvision: its published weights, downloaded to the cache; or a .safetensors or .pth file with torchvision's " +
          'names; none or null: random weights',
      ),
    stage: z.string().nullable().default(null).describe('the stage whose output is used; null: the last'),
    train: z
      .string()
      .regex(/^(none|all|from-stage \S+)$/, 'none, all or from-stage NAME')
      .default('none')
      .describe(
        'none: frozen, each image is encoded once; all: trained with the decoder; from-stage NAME: that stage and those ' +
          'behind it are trained',
      ),
    trainAfter: z
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('epochs in which the decoder learns alone, before the encoder is trained as well'),
    learningRate: z
      .number()
      .positive()
      .nullable()
      .default(null)
      .describe('of the trained encoder; null: training.learningRate'),
  })
  .describe('image encoder');

const wordVectors = {
  embeddingDropout: fraction
    .default(0)
    .describe('share of the numbers of the word vectors fed in that is dropped'),
  tieWeights: z
    .boolean()
    .default(false)
    .describe(
      'the word vectors are the vocabulary projection as well (Press and Wolf 2017); embedding must equal hidden',
    ),
};

export const lstmSchema = z.strictObject({
  type: z.literal('lstm'),
  embedding: count.default(512).describe('size of a word vector, and of the projected image'),
  hidden: count.default(300).describe('units of each layer'),
  layers: count.default(3).describe('stacked layers'),
  dropout: fraction.default(0.05).describe('share dropped between layers (PyTorch: LSTM(dropout))'),
  outputDropout: fraction.default(0).describe('share dropped before the vocabulary projection'),
  ...wordVectors,
});

export const softAttentionSchema = z.strictObject({
  type: z.literal('soft-attention'),
  embedding: count.default(1024).describe('size of a word vector'),
  hidden: count.default(1024).describe('units of the LSTM cell'),
  attention: count.default(2048).describe('units of the attention layer'),
  dropout: fraction.default(0.5).describe('share dropped before the vocabulary projection'),
  ...wordVectors,
});

export const decoderSchema = z.discriminatedUnion('type', [lstmSchema, softAttentionSchema]);

export const validationSchema = z
  .strictObject({
    batchSize: count.default(64).describe('images decoded at a time'),
    maxWords: count.default(30).describe('words at which an unfinished caption ends'),
    maxImages: count
      .nullable()
      .default(null)
      .describe('images decoded after each epoch; null: the whole split'),
    score: z
      .enum(['bleu-4', 'cider-d'])
      .default('bleu-4')
      .describe('what makes an epoch the best one, and what patience and schedule: plateau go by'),
  })
  .describe('free-running captions of the validation split after each epoch');

export const configSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w.-]+$/, 'letters, digits, "_", "." and "-" only')
      .describe('name of the run'),
    about: z
      .string()
      .default('')
      .describe('for the model card: where data and initial weights come from, their licences'),
    seed: z.number().int().min(0).default(1).describe('of all random numbers'),
    output: z.string().describe('directory of the checkpoints and logs'),
    device: deviceSchema.prefault({}),
    data: dataSchema,
    text: textSchema.prefault({}),
    image: imageSchema.prefault({}),
    encoder: encoderSchema,
    decoder: decoderSchema,
    training: trainingSchema.prefault({}),
    validation: validationSchema.prefault({}),
  })
  .superRefine(({ decoder, training }, context) => {
    const wrong = (key: string, message: string) =>
      context.addIssue({ code: 'custom', path: ['training', key], message });
    if (training.doublyStochastic > 0 && decoder.type !== 'soft-attention') {
      wrong('doublyStochastic', `expected 0, for a decoder of type ${decoder.type} has no attention`);
    }
    if (decoder.tieWeights && decoder.embedding !== decoder.hidden) {
      context.addIssue({
        code: 'custom',
        path: ['decoder', 'tieWeights'],
        message: `expected false, or embedding (${decoder.embedding}) equal to hidden (${decoder.hidden})`,
      });
    }
    training.groups.forEach(({ learningRate, weightDecay }, i) => {
      if (learningRate === null && weightDecay === null) {
        context.addIssue({
          code: 'custom',
          path: ['training', 'groups', i],
          message: 'expected a learningRate or a weightDecay',
        });
      }
    });
    const { selfCritical } = training;
    if (selfCritical?.baseline === 'leave-one-out' && selfCritical.samples < 2) {
      context.addIssue({
        code: 'custom',
        path: ['training', 'selfCritical', 'samples'],
        message: 'expected 2 or more, for the baseline is the mean of the other samples',
      });
    }
    if (selfCritical && selfCritical.samples > training.batchSize) {
      wrong('batchSize', `expected ${selfCritical.samples} or more, the samples of one image`);
    }
    if (training.nesterov && (training.optimizer !== 'sgd' || training.momentum === 0)) {
      wrong('nesterov', 'expected false, or optimizer: sgd with momentum');
    }
  });

export type Config = z.output<typeof configSchema>;
export type ConfigInput = z.input<typeof configSchema>;
export type DeviceConfig = Config['device'];
export type DataConfig = Config['data'];
export type SplitFiles = z.output<typeof bySplit>;
export type TextConfig = Config['text'];
export type TokenizerName = TextConfig['tokenizer'];
export type ImageConfig = Config['image'];
export type EncoderConfig = Config['encoder'];
export type LstmConfig = z.output<typeof lstmSchema>;
export type SoftAttentionConfig = z.output<typeof softAttentionSchema>;
export type DecoderConfig = Config['decoder'];
export type AugmentConfig = z.output<typeof augmentSchema>;
export type ScheduledSamplingConfig = z.output<typeof scheduledSamplingSchema>;
export type SelfCriticalConfig = z.output<typeof selfCriticalSchema>;
export type TrainingConfig = Config['training'];
export type ValidationConfig = Config['validation'];
