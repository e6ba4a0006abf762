/** The two ends of a sequence, all words of a batch at once: word vectors going in, the loss coming out. */
import { mark } from '../../core/index.js';
import {
  currentBackend,
  inBfloat16,
  isNative,
  kernel,
  kernelsMultiply,
  nativeOp,
  tf,
  type MatrixProducts,
} from '../../backend/index.js';
import type { Lookup } from './base.js';
import { dropoutMask, linear } from './cells.js';
import { MULTIPLE, rowKeys, type PackedBatch } from './packed.js';
import { rowsBetween } from './rows.js';
import type { SequenceRequest } from './sequence-operation.js';

/**
 * Vectors of all words that go in, N rows, as a factor of matrix products. Captions repeat few words often: a product is
 * computed once for each word that differs, and its rows are dealt out; the way back sums them up first. With dropout every row
 * is its own.
 */
export interface WordVectors {
  /** Their product with `weight` (E, k): (N, k), or (B + N, k) with the rows that come before. */
  times(products: MatrixProducts, weight: tf.Tensor2D): tf.Tensor2D;
  /**
   * @param dProduct gradient of that product
   * @returns gradients of the weight (E, k), the table (V, E), and the rows that come before (B, E)
   */
  gradients(
    products: MatrixProducts,
    weight: tf.Tensor2D,
    dProduct: tf.Tensor2D,
  ): { weight: tf.Tensor2D; table: tf.Tensor2D; before?: tf.Tensor2D };
}

/**
 * @param table (V, E)
 * @param rate of dropout, where there is a seed
 * @param before rows that stand before the words, (B, E)
 */
export function wordVectors(
  table: tf.Tensor,
  packed: PackedBatch,
  rate = 0,
  dropoutSeed: number | null = null,
  before?: tf.Tensor2D,
): WordVectors {
  const count = before?.shape[0] ?? 0;
  const dropped = dropoutSeed !== null && rate > 0;
  const { ids, places } = dropped
    ? { ids: packed.inputs, places: undefined }
    : distinct(packed.inputs, count);
  const rows = tf.gather(table, tf.tensor1d(ids, 'int32')) as tf.Tensor2D;
  const mask = dropped ? dropoutMask(rowKeys(packed, dropoutSeed, 'words'), rows.shape[1], rate) : null;
  const words: tf.Tensor2D = mask ? tf.mul(rows, mask) : rows;
  const vectors: tf.Tensor2D = before ? tf.concat([before, words], 0) : words;
  return {
    times(products, weight) {
      const product = products.matMul(vectors, weight);
      return places ? tf.gather(product, tf.tensor1d(places, 'int32')) : product;
    },
    gradients(products, weight, dProduct) {
      const sums = places ? sumByIndex(dProduct, places, vectors.shape[0]) : dProduct;
      const dVectors = products.matMul(sums, weight, false, true);
      const dRows = rowsBetween(dVectors, count, dVectors.shape[0]);
      const dWords: tf.Tensor2D = mask ? tf.mul(dRows, mask) : dRows;
      return {
        weight: products.matMul(vectors, sums, true),
        table: sumByIndex(dWords, ids, table.shape[0]),
        ...(before && { before: rowsBetween(dVectors, 0, count) }),
      };
    },
  };
}

/**
 * Each word once, filled up to a multiple of MULTIPLE, and where each row finds its own, behind `before` others that come
 * first and stay as they are.
 */
function distinct(words: Int32Array, before: number): { ids: Int32Array; places: Int32Array } {
  const known = new Map<number, number>();
  const places = new Int32Array(before + words.length);
  for (let i = 0; i < before; i++) places[i] = i;
  words.forEach((word, i) => {
    const place = known.get(word) ?? known.size;
    if (place === known.size) known.set(word, place);
    places[before + i] = before + place;
  });
  const ids = new Int32Array(Math.ceil(known.size / MULTIPLE) * MULTIPLE);
  ids.set([...known.keys()]);
  return { ids, places };
}

/** The vocabulary projection (H, V): a layer's own, or the table of word vectors once more. */
export function projectionWeight(p: Lookup, layer: string, tied = false): tf.Tensor2D {
  return tied ? tf.transpose(p('embed.weight')) : p(`${layer}.weight`);
}

/** h W + b for the vocabulary, (B, H) -> (B, V). */
export function vocabularyLogits(p: Lookup, layer: string, h: tf.Tensor2D, tied = false): tf.Tensor2D {
  const bias = p(`${layer}.bias`);
  if (!tied) return linear(h, p(`${layer}.weight`), bias);
  return tf.add(tf.matMul(h, p('embed.weight'), false, true), bias);
}

/** Gradients of the vocabulary projection, complete before the sequence's backward pass begins; without a weight that is tied. */
export function projectionGradients(
  layer: string,
  { weight, bias }: ProjectionResult,
  tied = false,
): Record<string, tf.Tensor> {
  return { ...(!tied && { [`${layer}.weight`]: weight! }), [`${layer}.bias`]: bias! };
}

/**
 * Gradient of the table of word vectors.
 * @param dTable by the words that went in, (V, E)
 */
export function tableGradient({ weight }: ProjectionResult, dTable: tf.Tensor2D, tied = false): tf.Tensor2D {
  return tied ? tf.add(dTable, tf.transpose(weight!)) : dTable;
}

/** Sum of the rows of x (N, k) that have the same index, (count, k). */
function sumByIndex(x: tf.Tensor2D, indices: Int32Array, count: number): tf.Tensor2D {
  const index = tf.tensor1d(indices, 'int32');
  if (isNative()) {
    const attributes = {
      T: { type: 'float32' },
      Tindices: { type: 'int32' },
      Tnumsegments: { type: 'int32' },
    } as const;
    return nativeOp('UnsortedSegmentSum', attributes, [
      x,
      index,
      tf.scalar(count, 'int32'),
    ])[0] as tf.Tensor2D;
  }
  const hot = tf.cast(tf.oneHot(index, count), 'float32'); // (N, count)
  return tf.matMul(tf.transpose(hot) as tf.Tensor2D, x);
}

/**
 * Cross-entropy of each word, nats (N), and the gradient of their sum with respect to the logits (N, V).
 * @param logits (N, V)
 * @param smoothing share of each target that is spread evenly over all V words, as torch.nn.CrossEntropyLoss
 */
export function crossEntropy(
  logits: tf.Tensor2D,
  targets: Int32Array,
  smoothing = 0,
): { losses: tf.Tensor1D; dLogits: tf.Tensor2D } {
  const labels = tf.tensor1d(targets, 'int32');
  const vocabularySize = logits.shape[1];
  const rest = smoothing / vocabularySize;
  // On a GPU their sums have no fixed order, and TensorFlow refuses them where results have to be the same in every run.
  const fused = isNative() && currentBackend().device === 'CPU';
  if (fused && smoothing > 0) {
    const wanted = tf.oneHot(labels, vocabularySize, 1 - smoothing + rest, rest, 'float32'); // (N, V)
    const attributes = { T: { type: 'float32' } } as const;
    const outputs = nativeOp('SoftmaxCrossEntropyWithLogits', attributes, [logits, wanted], 2);
    return { losses: outputs[0] as tf.Tensor1D, dLogits: outputs[1] as tf.Tensor2D };
  }
  if (fused) {
    const attributes = { T: { type: 'float32' }, Tlabels: { type: 'int32' } } as const;
    const outputs = nativeOp('SparseSoftmaxCrossEntropyWithLogits', attributes, [logits, labels], 2);
    return { losses: outputs[0] as tf.Tensor1D, dLogits: outputs[1] as tf.Tensor2D };
  }
  const hot = tf.cast(tf.oneHot(labels, vocabularySize), 'float32'); // (N, V)
  const wanted = smoothing > 0 ? tf.add(tf.mul(hot, 1 - smoothing), rest) : hot;
  const logs = tf.logSoftmax(logits);
  const losses: tf.Tensor1D = tf.neg(tf.sum<tf.Tensor1D>(tf.mul(logs, wanted), 1));
  return { losses, dLogits: tf.sub(tf.exp(logs), wanted) };
}

/** The same by one kernel of ours, from the hidden states (N, H) on; the logits are not kept. */
function wordLoss(
  hidden: tf.Tensor2D,
  weight: tf.Tensor2D,
  bias: tf.Tensor,
  targets: Int32Array,
  smoothing: number,
  gradient: boolean,
): { losses: tf.Tensor1D; dLogits: tf.Tensor2D } {
  const inputs = [hidden, weight, bias, tf.tensor1d(targets, 'int32'), tf.tensor1d([smoothing])];
  const [losses, dLogits] = kernel('WordLoss', inputs, 2, { rounded: inBfloat16(), gradient });
  return { losses: losses as tf.Tensor as tf.Tensor1D, dLogits };
}

/** A number that no probability survives, for some of V words, and 0 for the others; it is finite, as 0 times it is 0. */
function excluding(ids: readonly number[], words: number): tf.Tensor1D {
  const values = new Float32Array(words);
  for (const id of ids) values[id] = -1e9;
  return tf.tensor1d(values);
}

/** Loss of the words and what it sends back into the hidden states. */
export type ProjectionResult = {
  loss: tf.Scalar;
  /** by parameter */
  weight?: tf.Tensor2D;
  bias?: tf.Tensor;
  /** (N, H), zero behind the words */
  dHidden?: tf.Tensor2D;
};

/**
 * Dropout, vocabulary projection and cross-entropy, for all words in one matrix product each way. Each word's share of
 * the loss is applied to the small factors, never to the (N, V) gradient.
 * @param hidden (N, H), zero behind the words
 * @param mask dropout, (N, H)
 */
export function projectionLoss(
  products: MatrixProducts,
  hidden: tf.Tensor2D,
  mask: tf.Tensor2D | null,
  weight: tf.Tensor2D,
  bias: tf.Tensor,
  { targets, shares }: PackedBatch,
  { gradients, labelSmoothing, never }: Pick<SequenceRequest, 'gradients' | 'labelSmoothing' | 'never'>,
): ProjectionResult {
  return tf.tidy((): ProjectionResult => {
    const dropped: tf.Tensor2D = mask ? tf.mul(hidden, mask) : hidden;
    const offset = never.length === 0 ? bias : tf.add(bias, excluding(never, bias.size));
    const { losses, dLogits } = kernelsMultiply()
      ? wordLoss(dropped, weight, offset, targets, labelSmoothing, gradients)
      : crossEntropy(products.affine(dropped, weight, offset), targets, labelSmoothing);
    const share = tf.tensor2d(shares, [shares.length, 1]);
    const loss = tf.sum(tf.mul(losses, tf.reshape(share, [-1]))) as tf.Scalar;
    if (!gradients) return { loss };
    mark('backward of the projection');
    const dDropped = products.matMul(dLogits, weight, false, true); // (N, H)
    return {
      loss,
      weight: products.matMul(tf.mul(dropped, share), dLogits, true), // (H, V)
      bias: tf.reshape(tf.matMul(share, dLogits, true), [-1]), // (V)
      dHidden: tf.mul(dDropped, mask ? tf.mul(mask, share) : share) as tf.Tensor2D,
    };
  });
}
