/** What a caption decoder offers: steps for decoding, and the teacher-forced sequence for training. */
import type { tf } from '../../backend/index.js';
import type { StateDict, StateEntry } from '../state.js';

/** What both decoders may do with their word vectors. */
interface WordVectorConfig {
  /** share of the numbers of word vectors dropped on their way in, in [0, 1); 0 unless given */
  embeddingDropout?: number;
  /** the vocabulary projection is the table of word vectors (Press and Wolf 2017); needs `embedding` = `hidden` */
  tieWeights?: boolean;
}

/** Sizes and dropout rates of the `lstm` decoder. */
export interface LstmDecoderConfig extends WordVectorConfig {
  type: 'lstm';
  /** size of a word vector, and of the image as the network's first input */
  embedding: number;
  /** units of each layer */
  hidden: number;
  layers: number;
  /** share of a layer's output dropped on its way to the next layer, in [0, 1) */
  dropout: number;
  /** share of the last layer's output dropped before the vocabulary projection, in [0, 1) */
  outputDropout: number;
}

/** Sizes and dropout rate of the `soft-attention` decoder. */
export interface SoftAttentionDecoderConfig extends WordVectorConfig {
  type: 'soft-attention';
  /** size of a word vector */
  embedding: number;
  /** units of the LSTM cell */
  hidden: number;
  /** units of the attention layer */
  attention: number;
  /** share of the hidden state dropped before the vocabulary projection, in [0, 1) */
  dropout: number;
}

export type DecoderConfig = LstmDecoderConfig | SoftAttentionDecoderConfig;

/** Everything a decoder remembers between two words; the caller disposes of it. */
export type DecoderState = {
  /** A row for each caption. The k captions of an image lie together: rows i k to i k + k - 1 are the i-th image's. */
  tensors: Record<string, tf.Tensor>;
  /** What all captions of an image share and no word changes, a row for each image. */
  images: Record<string, tf.Tensor>;
};

export type DecoderStep = {
  state: DecoderState;
  /** (B, V) */
  logits: tf.Tensor2D;
  /** where the decoder looked, (B, P), rows sum to 1 */
  attention?: tf.Tensor2D;
};

/** Captions with their shifted selves, longest first; positions from `lengths[b]` on are never read. */
export interface TeacherForcedBatch {
  /** B, captions */
  size: number;
  /** T, the largest length */
  steps: number;
  /** word ids fed in, (B, T): BOS w1 w2 .. */
  inputs: Int32Array;
  /** word ids to predict, (B, T): w1 w2 .. EOS */
  targets: Int32Array;
  /** targets of each caption, falling, (B) */
  lengths: Int32Array;
  /** What the cross-entropy of each caption's words counts for in the loss, (B); 1 unless given, and it may be negative. */
  weights?: Float32Array;
  /** What the dropout of each caption is drawn by beside the seed, 32-bit integers, (B); its row unless given. */
  keys?: Int32Array;
}

export interface SequenceOptions {
  /** apply dropout; default false */
  training?: boolean;
  /** 32-bit integer that decides the dropout masks; default 0 */
  seed?: number;
  /** share of each target that is spread evenly over all words (Szegedy et al. 2016); default 0 */
  labelSmoothing?: number;
  /**
   * weight of the mean over captions and places of (1 - sum of the attention over the words)^2 in the loss (Xu et al. 2015,
   * equation 14, there a sum over places); of decoders with attention only; default 0
   */
  doublyStochastic?: number;
  /** ids that are no choice: the cross-entropy is that of the distribution over all others; default none */
  never?: readonly number[];
  /** Hears of each parameter's gradient as soon as it is complete, while others are still computed. */
  listener?: GradientListener;
}

export interface GradientListener {
  /** @param gradient in the layout of `variables()`; not to be disposed of */
  complete(name: string, gradient: tf.Tensor): void;
  /** Called now and then while no gradient is complete: once a step of the backward pass. */
  meanwhile(): void;
}

export interface LossAndGradients {
  /** mean cross-entropy over all targets, nats, each times its caption's weight, with what the options add */
  loss: tf.Scalar;
  /** by parameter name, in the layout of `variables()` */
  gradients: Map<string, tf.Tensor>;
  /** gradient of the features, in their shape, when it was asked for */
  features?: tf.Tensor;
}

export interface Decoder {
  readonly type: DecoderConfig['type'];
  readonly config: DecoderConfig;
  /** what `start` takes: pooled vectors (B, C) or maps of P places (B, P, C) */
  readonly features: 'pooled' | 'map';
  readonly vocabularySize: number;
  /** by PyTorch's name; the layout in memory is this decoder's own, see `toTorch` */
  variables(): Map<string, tf.Variable>;
  /** The state before the first word (BOS) is fed. */
  start(features: tf.Tensor): DecoderState;
  /** @param words ids of the last words, (B) int32 */
  step(state: DecoderState, words: tf.Tensor1D): DecoderStep;
  /**
   * The state of some captions and, where `images` are given, of some images: in the given order, repeats allowed.
   * Every image keeps the same number of captions. Without `images` nothing of them is copied.
   */
  select(state: DecoderState, rows: tf.Tensor1D, images?: tf.Tensor1D): DecoderState;
  /** Mean cross-entropy over all targets, nats, with what the options add; differentiable in the variables and in `features`. */
  loss(features: tf.Tensor, batch: TeacherForcedBatch, options?: SequenceOptions): tf.Scalar;
  /** The same loss with all gradients, without TensorFlow.js's tape. */
  lossAndGradients(
    features: tf.Tensor,
    batch: TeacherForcedBatch,
    options?: SequenceOptions & { featureGradient?: boolean },
  ): LossAndGradients;
  /** Without dropout: logits (B, T, V) and attention (B, T, P), zero beyond each caption's length. */
  teacherForced(
    features: tf.Tensor,
    batch: TeacherForcedBatch,
  ): { logits: tf.Tensor3D; attention?: tf.Tensor3D };
  /** A value in the layout of the variable called `name` (itself, its gradient) in PyTorch's layout. */
  toTorch(name: string, value: tf.Tensor): StateEntry;
  stateDict(): StateDict;
  loadState(state: StateDict): void;
  dispose(): void;
}
