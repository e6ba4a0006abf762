/**
 * All steps of the soft-attention decoder over a packed batch, forward and backward: one kernel each way where ours are loaded
 * (native/attention_sequence.cc), else step by step. Only what each step takes from the one before is here; the
 * products over all words, and symbols, are those of soft-attention-sequence.ts.
 */
import {
  inBfloat16,
  kernel,
  kernelsMultiply,
  packFactor,
  tf,
  type MatrixProducts,
} from '../../backend/index.js';
import {
  attend,
  attendBackward,
  keysGradient,
  MaskedSum,
  type AttentionGradient,
  type AttentionTrace,
  type Scene,
} from './attention-step.js';
import { cellBackward, cellForward, type CellTrace } from './lstm-cell.js';
import { concatSteps, type PackedBatch } from './packed.js';
import { firstRows, rowsBetween } from './rows.js';
import type { GradientListener } from './types.js';

/** Parameters as the steps multiply by them. */
export interface StepWeights {
  /** J, (H, 4H + A + C) */
  joint: tf.Tensor2D;
  /** j, (4H + A + C) */
  jointBias: tf.Tensor1D;
  /** Wz, (C, 4H) */
  contextRows: tf.Tensor2D;
}

/** What all steps start from. */
export interface StepInputs {
  weights: StepWeights;
  scene: Scene;
  packed: PackedBatch;
  /** x Wx, (N, 4H) */
  wordGates: tf.Tensor2D;
  /** (B, H) */
  h: tf.Tensor2D;
  /** (B, H) */
  c: tf.Tensor2D;
}

/** The steps' forward pass; all (N, ..) are zero behind the words. */
export interface AttentionSteps {
  /** h behind each step, (N, H) */
  hidden: tf.Tensor2D;
  /** h before each step, (N, H) */
  before: tf.Tensor2D;
  /** -q, (N, A) */
  negativeQuery: tf.Tensor2D;
  /** (N, C) */
  z: tf.Tensor2D;
  /** Weights of the places in each step, (n, P); made when they are asked for. */
  alphas(): tf.Tensor2D[];
  /**
   * From the last step to the first; once.
   * @param dHidden from the projection, (N, H)
   * @param dAttention what is added to the gradient of alpha of each caption, (B, P)
   */
  backward(
    dHidden: tf.Tensor2D,
    dAttention: tf.Tensor2D | null,
    listener: GradientListener | undefined,
  ): StepGradients;
}

export interface StepGradients {
  /** [dgates | dq | db], (N, 4H + A + C) */
  dJoint: tf.Tensor2D;
  /** (N, 4H) */
  dGates: tf.Tensor2D;
  /** (N, A) */
  R: tf.Tensor2D;
  /** (B, P, A) */
  S: tf.Tensor3D;
  /** Gradient of each step's context, (n, C); made when they are asked for. */
  dContexts(): tf.Tensor2D[];
  /** Of the state before the first step, (B, H) each. */
  dh: tf.Tensor2D;
  dc: tf.Tensor2D;
}

/** @param together whether nothing has to be done between two steps */
export function attentionSteps(
  products: MatrixProducts,
  inputs: StepInputs,
  together: boolean,
): AttentionSteps {
  return together && kernelsMultiply() ? allAtOnce(inputs) : stepByStep(products, inputs);
}

function allAtOnce({ weights, scene, packed, wordGates, h, c }: StepInputs): AttentionSteps {
  const { keys, features, score } = scene;
  const { joint, jointBias, contextRows } = weights;
  const flags = { rounded: inBfloat16() };
  const rows = tf.tensor1d(packed.rows, 'int32');
  const own = (x: tf.Tensor2D) =>
    packed.rows.map((_, t) => rowsBetween(x, packed.offsets[t], packed.offsets[t + 1]));
  const outputs = tf.tidy(() => {
    const factors = [
      packFactor(joint, false, flags.rounded),
      jointBias,
      packFactor(contextRows, false, flags.rounded),
    ];
    return kernel('AttentionSequence', [wordGates, keys, features, score, ...factors, h, c, rows], 10, flags);
  });
  const [hidden, before, negativeQuery, alpha, context, beta, z, active, tanhCell, cellBefore] = outputs;
  return {
    ...{ hidden, before, negativeQuery, z },
    alphas: () => own(alpha),
    backward(dHidden, dAttention) {
      const gradients = tf.tidy(() => {
        const factors = [joint, contextRows].map((factor) => packFactor(factor, true, flags.rounded));
        const given = [
          dHidden,
          dAttention ?? tf.zeros([0, alpha.shape[1]]),
          keys,
          features,
          score,
          ...factors,
        ];
        const trace = [negativeQuery, alpha, context, beta, active, tanhCell, cellBefore];
        return kernel('AttentionSequenceGradient', [...given, ...trace, rows], 7, flags);
      });
      tf.dispose([context, beta, active, tanhCell, cellBefore]);
      const [dJoint, dGates, R, dContext, dScores, dh, dc] = gradients;
      const S = keysGradient(keys, negativeQuery, dScores, packed.rows);
      return { dJoint, dGates, R, S, dContexts: () => own(dContext), dh, dc };
    },
  };
}

/** What the backward pass reads again of one step; rows are the n captions of the step. */
type StepTrace = {
  /** h before the step, (n, H) */
  before: tf.Tensor2D;
  attention: AttentionTrace;
  cell: CellTrace;
};

function stepByStep(products: MatrixProducts, inputs: StepInputs): AttentionSteps {
  const { packed, wordGates, scene } = inputs;
  let { h, c } = inputs;
  const traces: StepTrace[] = [];
  const hiddens: tf.Tensor2D[] = [];
  packed.rows.forEach((n, t) => {
    const own = rowsBetween(wordGates, packed.offsets[t], packed.offsets[t + 1]);
    const step = tf.tidy(() =>
      stepForward(products, inputs, own, tf.clone(firstRows(h, n)), tf.clone(firstRows(c, n))),
    );
    ({ h, c } = step);
    hiddens.push(h);
    traces.push(step.trace);
  });
  const joined = (part: (trace: StepTrace) => tf.Tensor2D) => concatSteps(traces.map(part), packed.filling);
  const negativeQuery = joined(({ attention }) => attention.negativeQuery);
  return {
    hidden: concatSteps(hiddens, packed.filling),
    before: joined(({ before }) => before),
    negativeQuery,
    z: joined(({ attention }) => attention.z),
    alphas: () => traces.map(({ attention }) => attention.alpha),
    backward(dHidden, dAttention, listener) {
      const { steps, masked, dh, dc } = stepsBackward(
        products,
        inputs,
        traces,
        dHidden,
        dAttention,
        listener,
      );
      const all = (part: (step: StepGradient) => tf.Tensor2D) => concatSteps(steps.map(part), packed.filling);
      return {
        dJoint: all(({ dJoint }) => dJoint),
        dGates: all(({ dGates }) => dGates),
        R: all(({ R }) => R),
        S: masked.total(scene.keys, negativeQuery, packed),
        dContexts: () => steps.map(({ dContext }) => dContext),
        ...{ dh, dc },
      };
    },
  };
}

function stepForward(
  products: MatrixProducts,
  { weights: { joint, jointBias, contextRows }, scene }: StepInputs,
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

/** What a step's backward pass leaves for the products over all words. */
type StepGradient = Pick<AttentionGradient, 'dJoint' | 'R' | 'dContext'> & {
  /** (n, 4H) */
  dGates: tf.Tensor2D;
};

function stepsBackward(
  products: MatrixProducts,
  { weights: { joint, contextRows }, packed: { rows, offsets }, scene }: StepInputs,
  traces: StepTrace[],
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
