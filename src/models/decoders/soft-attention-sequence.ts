/**
 * The teacher-forced soft-attention decoder over a whole batch, forward and backward by hand. Automatic
 * differentiation would add up each weight's gradient word by word; here every weight's gradient is one matrix
 * product over all N rows of the packed batch at the end. Packed order and `rows` as in packed.ts; ' is the transpose.
 *
 * Forward, for the n captions that have a word at step t (h_, c_: state before; x: word vector):
 *   [r | q | b] = h_ J + j            J = [weight_hh | decoder_attn | f_beta], one product
 *   alpha = softmax(scores(K, q)),  context = alpha' X,  beta = sigmoid(b),  z = beta context
 *   gates = x Wx + r + z Wz           Wx, Wz: rows of weight_ih; x Wx is one product for all words that differ
 *   h, c = cell(gates, c_)
 * Backward, from the last step on (dh from the projection and from step t + 1):
 *   dgates, dc_ = cell backward;  dz = dgates Wz';  db = sigmoid backward(dz context);  dcontext = dz beta
 *   dalpha = dcontext X',  de = alpha (dalpha - alpha . dalpha),  R and S as in additive-attention.ts,  dq = w R
 *   dh_ = [dgates | dq | db] J'
 * and over all words:  dJ = h_' [dgates | dq | db],  dWx = x' dgates,  dWz = z' dgates,  dx = dgates Wx'.
 */
import { mark } from '../../core/index.js';
import { matrixProducts, tf, type MatrixProducts } from '../../backend/index.js';
import {
  attend,
  attendBackward,
  MaskedSum,
  type AttentionGradient,
  type AttentionTrace,
  type Scene,
} from './attention-step.js';
import type { Lookup } from './base.js';
import { dropoutMask } from './cells.js';
import { cellBackward, cellForward, type CellTrace } from './lstm-cell.js';
import { concatSteps, pack, rowKeys, type PackedBatch } from './packed.js';
import { firstRows, padRows, rowsBetween } from './rows.js';
import { CompleteGradients, type SequenceRequest } from './sequence-operation.js';
import type {
  GradientListener,
  LossAndGradients,
  SoftAttentionDecoderConfig,
  TeacherForcedBatch,
} from './types.js';
import {
  projectionGradients,
  projectionLoss,
  projectionWeight,
  tableGradient,
  wordVectors,
} from './words.js';

/** What the backward pass reads again of one step; rows are the n captions of the step. */
type StepTrace = {
  /** h before the step, (n, H) */
  before: tf.Tensor2D;
  attention: AttentionTrace;
  cell: CellTrace;
};

/** What a step's backward pass leaves for the products over all words. */
type StepGradient = Pick<AttentionGradient, 'dJoint' | 'R' | 'dContext'> & {
  /** (n, 4H) */
  dGates: tf.Tensor2D;
};

/** Parameters joined or split for the sequence. */
interface SequenceWeights {
  joint: tf.Tensor2D;
  jointBias: tf.Tensor1D;
  wordRows: tf.Tensor2D;
  contextRows: tf.Tensor2D;
}

function sequenceWeights(p: Lookup, embedding: number): SequenceWeights {
  const input = p('lstm_cell.weight_ih'); // (E + C, 4H)
  return {
    joint: tf.concat([p('lstm_cell.weight_hh'), p('attention.decoder_attn.weight'), p('f_beta.weight')], 1),
    jointBias: tf.concat([
      tf.add(p('lstm_cell.bias_ih'), p('lstm_cell.bias_hh')),
      p('attention.decoder_attn.bias'),
      p('f_beta.bias'),
    ]) as tf.Tensor as tf.Tensor1D, // (4H + A + C)
    wordRows: firstRows(input, embedding),
    contextRows: rowsBetween(input, embedding, input.shape[0]),
  };
}

/** @param features X, (B, P, C) */
export function softAttentionSequence(
  p: Lookup,
  config: SoftAttentionDecoderConfig,
  features: tf.Tensor3D,
  batch: TeacherForcedBatch,
  request: SequenceRequest,
): LossAndGradients {
  mark('forward');
  const packed = pack(batch);
  const products = matrixProducts();
  const result = tf.tidy(() => {
    const [size, places, channels] = features.shape;
    const { hidden, attention, dropout } = config;
    const weights = sequenceWeights(p, config.embedding);
    const affine = (x: tf.Tensor2D, name: string) =>
      products.affine(x, p(`${name}.weight`), p(`${name}.bias`));
    const flat: tf.Tensor2D = tf.reshape(features, [size * places, channels]);
    const keys: tf.Tensor3D = tf.reshape(affine(flat, 'attention.encoder_attn'), [size, places, attention]);
    const scene: Scene = { keys, features, score: p('attention.full_attn.weight') };
    const mean: tf.Tensor2D = tf.mean(features, 1); // (B, C)
    const words = wordVectors(p('embed.weight'), packed, config.embeddingDropout, request.dropoutSeed);
    const wordGates = words.times(products, weights.wordRows); // (N, 4H)

    let h = affine(mean, 'init_h'); // (B, H)
    let c = affine(mean, 'init_c');
    const traces: StepTrace[] = [];
    const hiddens: tf.Tensor2D[] = [];
    packed.rows.forEach((n, t) => {
      const own = rowsBetween(wordGates, packed.offsets[t], packed.offsets[t + 1]);
      const step = tf.tidy(() =>
        stepForward(products, weights, scene, own, tf.clone(firstRows(h, n)), tf.clone(firstRows(c, n))),
      );
      ({ h, c } = step);
      hiddens.push(h);
      traces.push(step.trace);
    });
    const all = concatSteps(hiddens, packed.filling); // (N, H)
    const mask =
      request.dropoutSeed !== null && dropout > 0
        ? dropoutMask(rowKeys(packed, request.dropoutSeed, 'output'), hidden, dropout)
        : null;
    const weight = projectionWeight(p, 'fc', config.tieWeights);
    const projection = projectionLoss(products, all, mask, weight, p('fc.bias'), packed, request);
    const spread = doublyStochastic(
      traces.map(({ attention: { alpha } }) => alpha),
      size,
      request.doublyStochastic,
    );
    const loss = spread ? tf.add<tf.Scalar>(projection.loss, spread.loss) : projection.loss;
    if (!request.gradients) return { loss, gradients: {} };

    mark('backward');
    const gradients = new CompleteGradients(request.listener);
    gradients.add(projectionGradients('fc', projection, config.tieWeights));
    const dAttention = spread?.dAttention ?? null;
    const back = stepsBackward(
      products,
      weights,
      packed,
      traces,
      scene,
      projection.dHidden!,
      dAttention,
      request.listener,
    );
    const joined = <T>(steps: T[], part: (step: T) => tf.Tensor2D) =>
      concatSteps(steps.map(part), packed.filling);
    const dGates = joined(back.steps, (step) => step.dGates);
    const R = joined(back.steps, (step) => step.R);
    const before = joined(traces, (trace) => trace.before);
    const negativeQuery = joined(traces, ({ attention: { negativeQuery: own } }) => own);
    const z = joined(traces, ({ attention: { z: own } }) => own);
    const dJoint = joined(back.steps, (step) => step.dJoint); // (N, 4H + A + C)
    const parts = [4 * hidden, attention, channels];
    const [dRecurrent, dQueryWeight, dGateWeight] = tf.split(products.matMul(before, dJoint, true), parts, 1);
    const [dCellBias, dQueryBias, dGateBias] = tf.split(tf.sum(dJoint, 0), parts);
    gradients.add({
      'lstm_cell.weight_hh': dRecurrent,
      'lstm_cell.bias_ih': dCellBias,
      'lstm_cell.bias_hh': tf.clone(dCellBias),
      'attention.encoder_attn.bias': tf.clone(dQueryBias), // both biases are added to every key and query pair
      'attention.decoder_attn.weight': dQueryWeight,
      'attention.decoder_attn.bias': dQueryBias,
      'attention.full_attn.bias': tf.zeros([1]), // a softmax does not see what all its inputs share
      'f_beta.weight': dGateWeight,
      'f_beta.bias': dGateBias,
    });
    const dWords = words.gradients(products, weights.wordRows, dGates);
    gradients.add({
      'lstm_cell.weight_ih': tf.concat([dWords.weight, products.matMul(z, dGates, true)], 0),
    });
    gradients.add({ 'embed.weight': tableGradient(projection, dWords.table, config.tieWeights) });

    const score = tf.reshape(scene.score, [attention]);
    const S = back.masked.total(keys, negativeQuery, packed); // (B, P, A)
    const XS = products.matMul(flat, tf.reshape(S, [size * places, attention]), true); // X'S, (C, A)
    const keyWeight = p('attention.encoder_attn.weight'); // (C, A)
    const sumS = tf.sum(R, 0); // (A): S and R add up the same numbers
    const dScore = tf.sub(
      tf.add(tf.sum(tf.mul(keyWeight, XS), 0), tf.mul(p('attention.encoder_attn.bias'), sumS)),
      tf.sum(tf.mul(negativeQuery, R), 0),
    ); // (A)
    const { dh, dc } = back;
    gradients.add({
      'attention.encoder_attn.weight': tf.mul(XS, score),
      'attention.full_attn.weight': tf.reshape(dScore, [attention, 1]),
      'init_h.weight': products.matMul(mean, dh, true),
      'init_h.bias': tf.sum(dh, 0),
      'init_c.weight': products.matMul(mean, dc, true),
      'init_c.bias': tf.sum(dc, 0),
    });
    if (!request.featureGradient) return { loss, gradients: gradients.byName };
    const dMean = tf.add(
      products.matMul(dh, p('init_h.weight'), false, true),
      products.matMul(dc, p('init_c.weight'), false, true),
    ); // (B, C)
    const viaKeys = products.matMul(
      tf.reshape(S, [size * places, attention]),
      tf.mul(keyWeight, score) as tf.Tensor2D,
      false,
      true,
    ); // (B P, C)
    const alphas = tf.stack(
      traces.map((trace) => padRows(trace.attention.alpha, size)),
      1,
    ); // (B, T, P)
    const dContexts = tf.stack(
      back.steps.map(({ dContext }) => padRows(dContext, size)),
      1,
    ); // (B, T, C)
    const viaContext = tf.matMul(alphas as tf.Tensor3D, dContexts as tf.Tensor3D, true); // (B, P, C)
    const viaMean = tf.expandDims(tf.div(dMean, places), 1); // (B, 1, C)
    return {
      loss,
      gradients: gradients.byName,
      features: tf.add(tf.add(viaContext, tf.reshape(viaKeys, features.shape)), viaMean),
    };
  }) as { loss: tf.Scalar; gradients: Record<string, tf.Tensor>; features?: tf.Tensor };
  products.dispose();
  return { ...result, gradients: new Map(Object.entries(result.gradients)) };
}

function stepForward(
  products: MatrixProducts,
  { joint, jointBias, contextRows }: SequenceWeights,
  scene: Scene,
  words: tf.Tensor2D,
  before: tf.Tensor2D,
  cellBefore: tf.Tensor2D,
): { h: tf.Tensor2D; c: tf.Tensor2D; trace: StepTrace } {
  const state = products.matMul(before, joint); // (n, 4H + A + C)
  const attention = attend(scene, state, jointBias);
  const context = products.matMul(attention.z, contextRows); // (n, 4H)
  const { h, c, trace: cell } = cellForward({ words, state, bias: jointBias, context }, cellBefore);
  return { h, c, trace: { before, attention, cell } };
}

/**
 * weight x mean over captions and places of (1 - sum of alpha over the words)^2, and its gradient with respect to each
 * step's alpha, which is the same for all of them, (B, P).
 * @param alphas of each step, (n, P)
 */
function doublyStochastic(
  alphas: tf.Tensor2D[],
  size: number,
  weight: number,
): { loss: tf.Scalar; dAttention: tf.Tensor2D } | null {
  if (weight === 0) return null;
  const missing: tf.Tensor2D = tf.sub(1, tf.addN(alphas.map((alpha) => padRows(alpha, size)))); // (B, P)
  return {
    loss: tf.mul(tf.mean(tf.square(missing)), weight),
    dAttention: tf.mul(missing, (-2 * weight) / missing.size),
  };
}

/**
 * All steps from the last to the first.
 * @param dHidden from the projection, (N, H)
 * @param dAttention what is added to the gradient of alpha of each caption, (B, P)
 */
function stepsBackward(
  products: MatrixProducts,
  { joint, contextRows }: SequenceWeights,
  { rows, offsets }: PackedBatch,
  traces: StepTrace[],
  scene: Scene,
  dHidden: tf.Tensor2D,
  dAttention: tf.Tensor2D | null,
  listener: GradientListener | undefined,
): { steps: StepGradient[]; masked: MaskedSum; dh: tf.Tensor2D; dc: tf.Tensor2D } {
  const masked = new MaskedSum();
  const steps: StepGradient[] = [];
  let later: { dh: tf.Tensor2D; dc: tf.Tensor2D } | null = null;
  for (let t = rows.length - 1; t >= 0; t--) {
    const { attention, cell } = traces[t];
    const step = tf.tidy(() => {
      const own = rowsBetween(dHidden, offsets[t], offsets[t + 1]);
      const { dGates, dBefore: dc } = cellBackward(cell, own, later);
      const dz = products.matMul(dGates, contextRows, false, true); // (n, C)
      const back = attendBackward(scene, attention, dz, dGates, dAttention);
      const dh = products.matMul(back.dJoint, joint, false, true); // (n, H)
      return { dGates, back, dh, dc };
    });
    const { dGates, back, dh, dc } = step;
    masked.add(back);
    later = { dh, dc };
    steps.unshift({ ...back, dGates });
    listener?.meanwhile();
  }
  return { steps, masked, ...later! };
}
