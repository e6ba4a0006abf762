/** The settings of `training`: what is learnt, in what order, and how the weights move. */
import { z } from 'zod';

export const count = z.number().int().positive();
export const fraction = z.number().min(0).lt(1);

export const augmentSchema = z
  .strictObject({
    flip: z.number().min(0).max(1).default(0).describe('share of images that are mirrored, left to right'),
    crop: z
      .number()
      .positive()
      .max(1)
      .default(1)
      .describe('smallest share of the area of a random crop, resized to the usual size; 1: no random crop'),
    brightness: z.number().min(0).max(1).default(0).describe('factor drawn from 1 - value to 1 + value'),
    contrast: z.number().min(0).max(1).default(0).describe('factor drawn from 1 - value to 1 + value'),
    saturation: z.number().min(0).max(1).default(0).describe('factor drawn from 1 - value to 1 + value'),
  })
  .describe('random changes of the training images while the encoder is trained');

const share = z.number().min(0).max(1);

export const scheduledSamplingSchema = z.discriminatedUnion('decay', [
  z.strictObject({
    decay: z.literal('linear'),
    perEpoch: share.default(0.02).describe('what the share of right words falls by in an epoch'),
    floor: share.default(0.75).describe('smallest share of right words'),
  }),
  z.strictObject({
    decay: z.literal('exponential'),
    base: share.default(0.98).describe('what the share of right words is multiplied by in an epoch'),
  }),
  z.strictObject({
    decay: z.literal('inverse-sigmoid'),
    k: z.number().min(1).default(10).describe('share of right words after i epochs: k / (k + exp(i / k))'),
  }),
]);

export const selfCriticalSchema = z.strictObject({
  epochs: count.default(10).describe('further epochs, behind those of training.epochs'),
  learningRate: z
    .number()
    .positive()
    .default(5e-5)
    .describe("of the decoder; the encoder's and that of groups fall by the same factor"),
  schedule: z
    .enum(['constant', 'cosine'])
    .default('constant')
    .describe('of these epochs; cosine falls to zero over them'),
  samples: count.default(5).describe('captions drawn for each image; training.batchSize counts all of them'),
  baseline: z
    .enum(['leave-one-out', 'greedy'])
    .default('leave-one-out')
    .describe(
      "what a caption's reward is compared with: the mean of the image's other samples, or the greedy caption",
    ),
  crossEntropy: share
    .lt(1)
    .default(0)
    .describe('share of the cross-entropy of one right caption of each image in the loss'),
  interpolation: z
    .number()
    .positive()
    .max(1)
    .default(1)
    .describe(
      'what is validated and saved lies this share of the way from the weights that the stage starts with to those it has ' +
        'learnt (Wortsman et al. 2022); below 1 it forgets less',
    ),
  trainEncoder: z
    .boolean()
    .default(false)
    .describe('whether an encoder that encoder.train trains goes on learning in these epochs'),
  dropout: z.boolean().default(false).describe('whether dropout goes on; the captions are drawn without it'),
});

export const distributedSchema = z
  .strictObject({
    bucketMiB: z
      .number()
      .min(0.001)
      .max(1024)
      .default(4)
      .describe('size of the pieces in which gradients are summed, MiB of float32'),
    wire: z
      .enum(['float32', 'bfloat16'])
      .default('float32')
      .describe('how gradients travel; bfloat16 rounds them to 8 significant bits and halves the bytes'),
  })
  .describe('of a training by several processes');

export const trainingSchema = z
  .strictObject({
    epochs: count.default(10).describe('passes over the training split'),
    batchSize: count.default(100).describe('captions a step'),
    captions: z
      .enum(['all', 'one-per-image'])
      .default('all')
      .describe('all captions each epoch, or one random caption of each image'),
    captionsPerImage: count
      .nullable()
      .default(null)
      .describe(
        'captions of an image that a step takes together, with one pass through the encoder; null: all of them while ' +
          'an encoder with given weights is trained, otherwise 1',
      ),
    augment: augmentSchema.prefault({}),
    wordVectors: z
      .string()
      .nullable()
      .default(null)
      .describe(
        'word vectors to start from, a text file of GloVe with decoder.embedding numbers a word; words that it lacks start at random; null: none',
      ),
    labelSmoothing: fraction
      .default(0)
      .describe('share of each target that is spread evenly over all words (PyTorch: CrossEntropyLoss)'),
    doublyStochastic: z
      .number()
      .min(0)
      .default(0)
      .describe(
        'weight of the mean over images and places of (1 - sum of attention over the words)^2 in the loss (Xu et al. 2015: 1); ' +
          'soft attention only',
      ),
    scheduledSampling: scheduledSamplingSchema
      .nullable()
      .default(null)
      .describe(
        'feed the decoder words of its own in place of right ones, more of them from epoch to epoch (Bengio et al. 2015); decay: ' +
          'linear, exponential or inverse-sigmoid; null: right words only',
      ),
    selfCritical: selfCriticalSchema
      .nullable()
      .default(null)
      .describe(
        'a second stage that starts from the best checkpoint and raises the CIDEr-D of sampled captions (Rennie et al. 2017); ' +
          'null: none',
      ),
    optimizer: z.enum(['adam', 'adamw', 'sgd']).default('adam').describe("PyTorch's of that name"),
    learningRate: z.number().positive().default(1e-3).describe('of the optimizer'),
    groups: z
      .array(
        z.strictObject({
          names: z
            .array(z.string().min(1))
            .min(1)
            .describe('what the names of the variables begin with, as in decoder.embed'),
          learningRate: z.number().min(0).nullable().default(null).describe('null: as otherwise; 0: frozen'),
          weightDecay: z.number().min(0).nullable().default(null).describe('null: training.weightDecay'),
        }),
      )
      .default([])
      .describe('variables that learn otherwise, all by the same schedule; the first group that fits counts'),
    schedule: z
      .enum(['constant', 'cosine', 'step', 'plateau'])
      .default('constant')
      .describe(
        'of the learning rate; cosine falls to zero over all epochs; step: by training.decayFactor every training.stepEvery ' +
          'epochs; plateau: by it after training.plateauPatience epochs without a better validation score',
      ),
    warmup: z.number().int().min(0).default(0).describe('steps in which the learning rate rises from zero'),
    stepEvery: count.default(5).describe('epochs, of schedule: step'),
    plateauPatience: z.number().int().min(0).default(2).describe('epochs, of schedule: plateau'),
    decayFactor: z.number().positive().max(1).default(0.1).describe('of schedule: step and plateau'),
    beta1: fraction.default(0.9).describe('of Adam'),
    beta2: fraction.default(0.999).describe('of Adam'),
    epsilon: z.number().positive().default(1e-8).describe('of Adam'),
    momentum: fraction.default(0.9).describe('of SGD'),
    nesterov: z.boolean().default(false).describe('of SGD: looks ahead by the momentum'),
    weightDecay: z
      .number()
      .min(0)
      .default(0)
      .describe(
        'adamw: share of the weights taken off, times the learning rate; else: share added to the gradient',
      ),
    accumulate: count.default(1).describe('batches whose gradients make one step'),
    averageDecay: fraction
      .nullable()
      .default(null)
      .describe(
        'of the exponential moving average of the weights, which is then validated and saved, as in 0.999; null: none',
      ),
    clipValue: z
      .number()
      .positive()
      .nullable()
      .default(null)
      .describe('largest number in a gradient, before clipNorm; null: no clipping'),
    clipNorm: z
      .number()
      .positive()
      .nullable()
      .default(5)
      .describe('largest global gradient norm; null: no clipping'),
    patience: count
      .nullable()
      .default(null)
      .describe('stop after this many epochs without a better validation score; null: never'),
    distributed: distributedSchema.prefault({}),
    checkpointPrecision: z
      .enum(['float32', 'float16'])
      .default('float32')
      .describe('of the weights in the checkpoints; float16 halves the file'),
    saveEvery: z
      .number()
      .positive()
      .default(10)
      .describe('minutes between two saves of the training itself, for showtell train --resume'),
    logEvery: count.default(50).describe('steps between two loss values in metrics.jsonl'),
  })
  .describe('optimisation');
