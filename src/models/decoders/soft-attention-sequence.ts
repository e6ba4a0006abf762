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
import { matrixProducts, tf } from '../../backend/index.js';
import type { Scene } from './attention-step.js';
import { attentionSteps, type AttentionSteps, type StepWeights } from './attention-steps.js';
import type { Lookup } from './base.js';
import { dropoutMask } from './cells.js';
import { pack, rowKeys } from './packed.js';
import { firstRows, padRows, rowsBetween } from './rows.js';
import { CompleteGradients, type SequenceRequest } from './sequence-operation.js';
import type { LossAndGradients, SoftAttentionDecoderConfig, TeacherForcedBatch } from './types.js';
import {
  projectionGradients,
  projectionLoss,
  projectionWeight,
  tableGradient,
  wordVectors,
} from './words.js';

/** Parameters joined or split for the sequence. */
interface SequenceWeights extends StepWeights {
  /** Wx, (E, 4H) */
  wordRows: tf.Tensor2D;
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
  try {
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

      const [h, c] = [affine(mean, 'init_h'), affine(mean, 'init_c')]; // (B, H)
      const together = request.listener === undefined;
      const steps = attentionSteps(products, { weights, scene, packed, wordGates, h, c }, together);
      const mask =
        request.dropoutSeed !== null && dropout > 0
          ? dropoutMask(rowKeys(packed, request.dropoutSeed, 'output'), hidden, dropout)
          : null;
      const weight = projectionWeight(p, 'fc', config.tieWeights);
      const projection = projectionLoss(products, steps.hidden, mask, weight, p('fc.bias'), packed, request);
      const spread = doublyStochastic(steps, size, request.doublyStochastic);
      const loss = spread ? tf.add<tf.Scalar>(projection.loss, spread.loss) : projection.loss;
      if (!request.gradients) return { loss, gradients: {} };

      mark('backward');
      const gradients = new CompleteGradients(request.listener);
      gradients.add(projectionGradients('fc', projection, config.tieWeights));
      const dAttention = spread?.dAttention ?? null;
      const back = steps.backward(projection.dHidden!, dAttention, request.listener);
      const { dJoint, dGates, R, S, dh, dc } = back;
      const { before, negativeQuery, z } = steps;
      const parts = [4 * hidden, attention, channels];
      const [dRecurrent, dQueryWeight, dGateWeight] = tf.split(
        products.matMul(before, dJoint, true),
        parts,
        1,
      );
      const [dCellBias, dQueryBias, dGateBias] = tf.split(tf.sum(dJoint, 0), parts);
      // What is large goes as soon as it has been used: this bounds memory.
      tf.dispose([before, dJoint]);
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
      tf.dispose([z, dGates]);

      const score = tf.reshape(scene.score, [attention]);
      const XS = products.matMul(flat, tf.reshape(S, [size * places, attention]), true); // X'S, (C, A)
      const keyWeight = p('attention.encoder_attn.weight'); // (C, A)
      const sumS = tf.sum(R, 0); // (A): S and R add up the same numbers
      const dScore = tf.sub(
        tf.add(tf.sum(tf.mul(keyWeight, XS), 0), tf.mul(p('attention.encoder_attn.bias'), sumS)),
        tf.sum(tf.mul(negativeQuery, R), 0),
      ); // (A)
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
        steps.alphas().map((alpha) => padRows(alpha, size)),
        1,
      ); // (B, T, P)
      const dContexts = tf.stack(
        back.dContexts().map((dContext) => padRows(dContext, size)),
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
    return { ...result, gradients: new Map(Object.entries(result.gradients)) };
  } finally {
    products.dispose();
  }
}

/**
 * weight x mean over captions and places of (1 - sum of alpha over the words)^2, and its gradient with respect to each
 * step's alpha, which is the same for all of them, (B, P).
 */
function doublyStochastic(
  steps: AttentionSteps,
  size: number,
  weight: number,
): { loss: tf.Scalar; dAttention: tf.Tensor2D } | null {
  if (weight === 0) return null;
  const missing: tf.Tensor2D = tf.sub(1, tf.addN(steps.alphas().map((alpha) => padRows(alpha, size)))); // (B, P)
  return {
    loss: tf.mul(tf.mean(tf.square(missing)), weight),
    dAttention: tf.mul(missing, (-2 * weight) / missing.size),
  };
}
