/**
 * The teacher-forced `lstm` decoder over a whole batch, forward and backward by hand: layer by layer, so that the
 * products with weight_ih are one for all steps, and every weight's gradient is one product over all of them. The
 * image is step 0 of all B captions; N rows of words follow, packed and filled up (packed.ts), M = B + N rows in all.
 *
 * Forward of a layer with inputs x (M, in):   r = x Wih;  gates_t = r_t + h_ Whh + b;  h, c = cell(gates_t, c_)
 * Backward, from the last step on:            dgates, dc_ = cell backward;  dh_ = dgates Whh'
 * and over all rows:  dWih = x' dgates,  dWhh = h_' dgates,  db = sum dgates,  dx = dgates Wih'.
 * The products of the first layer's x are those of words that differ (words.ts).
 */
import { mark } from '../../core/index.js';
import { matrixProducts, tf, type MatrixProducts } from '../../backend/index.js';
import type { Lookup } from './base.js';
import { dropoutMask } from './cells.js';
import { cellBackward, cellForward, type CellTrace } from './lstm-cell.js';
import { concatSteps, pack, rowKeys } from './packed.js';
import { firstRows, rowsBetween } from './rows.js';
import { CompleteGradients, type SequenceRequest } from './sequence-operation.js';
import type { GradientListener, LossAndGradients, LstmDecoderConfig, TeacherForcedBatch } from './types.js';
import {
  projectionGradients,
  projectionLoss,
  projectionWeight,
  tableGradient,
  wordVectors,
} from './words.js';

interface LayerTrace {
  /** h before each step, (M, H) */
  before: tf.Tensor2D;
  cells: CellTrace[];
}

/** Where each step begins in the M rows, and their end. */
function stepOffsets(rows: number[]): number[] {
  const offsets = [0];
  for (const n of rows) offsets.push(offsets[offsets.length - 1] + n);
  return offsets;
}

/**
 * @param inputGates x Wih, (M, 4H)
 * @param rows captions of each step, the image's first
 * @returns all hidden states, (M, H)
 */
function layerForward(
  products: MatrixProducts,
  p: Lookup,
  inputGates: tf.Tensor2D,
  rows: number[],
  filling: number,
): { output: tf.Tensor2D; trace: LayerTrace } {
  const recurrent = p('weight_hh'); // (H, 4H)
  const bias = tf.add(p('bias_ih'), p('bias_hh')) as tf.Tensor1D;
  const offsets = stepOffsets(rows);
  let h: tf.Tensor2D = tf.zeros([rows[0], recurrent.shape[0]]);
  let c = h;
  const before: tf.Tensor2D[] = [];
  const outputs: tf.Tensor2D[] = [];
  const cells: CellTrace[] = [];
  rows.forEach((n, t) => {
    before.push(firstRows(h, n));
    const terms = {
      words: rowsBetween(inputGates, offsets[t], offsets[t + 1]),
      state: products.matMul(before[t], recurrent),
      bias,
    };
    const step = cellForward(terms, firstRows(c, n));
    ({ h, c } = step);
    outputs.push(h);
    cells.push(step.trace);
  });
  return {
    output: concatSteps(outputs, filling),
    trace: { before: concatSteps(before, filling), cells },
  };
}

/**
 * @param dOutput gradient of the hidden states, (M, H)
 * @returns gradients by parameter but for weight_ih, and of x Wih (M, 4H)
 */
function layerBackward(
  products: MatrixProducts,
  p: Lookup,
  { before, cells }: LayerTrace,
  rows: number[],
  filling: number,
  dOutput: tf.Tensor2D,
  listener: GradientListener | undefined,
): { gradients: Record<string, tf.Tensor>; dGates: tf.Tensor2D } {
  const recurrent = p('weight_hh');
  const offsets = stepOffsets(rows);
  const steps: tf.Tensor2D[] = [];
  let later: { dh: tf.Tensor2D; dc: tf.Tensor2D } | null = null;
  for (let t = rows.length - 1; t >= 0; t--) {
    const own = rowsBetween(dOutput, offsets[t], offsets[t + 1]);
    const { dGates, dBefore } = cellBackward(cells[t], own, later);
    later = { dh: products.matMul(dGates, recurrent, false, true), dc: dBefore };
    steps.unshift(dGates);
    listener?.meanwhile();
  }
  const dGates = concatSteps(steps, filling); // (M, 4H)
  const bias = tf.sum(dGates, 0);
  return {
    gradients: {
      weight_hh: products.matMul(before, dGates, true),
      bias_ih: bias,
      bias_hh: tf.clone(bias),
    },
    dGates,
  };
}

/** @param features (B, C) */
export function lstmSequence(
  p: Lookup,
  config: LstmDecoderConfig,
  features: tf.Tensor2D,
  batch: TeacherForcedBatch,
  request: SequenceRequest,
): LossAndGradients {
  mark('forward');
  const { dropoutSeed, gradients: wanted, featureGradient } = request;
  const packed = pack(batch);
  const { size } = batch;
  const { layers, hidden, dropout, outputDropout } = config;
  const rows = [size, ...packed.rows];
  const layer = (k: number) => (name: string) => p(`lstm_cell.${name}_l${k}`);
  const projected = features.shape[1] !== config.embedding;
  const drop = (rate: number, place: string, images: boolean) =>
    dropoutSeed !== null && rate > 0
      ? dropoutMask(rowKeys(packed, dropoutSeed, place, images), hidden, rate)
      : null;

  const products = matrixProducts();
  try {
    const result = tf.tidy(() => {
      const image = projected ? products.affine(features, p('project.weight'), p('project.bias')) : features; // (B, E)
      const first = wordVectors(p('embed.weight'), packed, config.embeddingDropout, dropoutSeed, image);
      const traces: LayerTrace[] = [];
      const masks: (tf.Tensor2D | null)[] = [];
      const outputs: tf.Tensor2D[] = []; // (M, H) each
      for (let k = 0; k < layers; k++) {
        const weight = layer(k)('weight_ih');
        const gates = k === 0 ? first.times(products, weight) : products.matMul(outputs[k - 1], weight);
        const { output, trace } = layerForward(products, layer(k), gates, rows, packed.filling);
        traces.push(trace);
        masks.push(k < layers - 1 ? drop(dropout, `layer.${k}`, true) : null);
        outputs.push(masks[k] ? tf.mul(output, masks[k]!) : output);
      }
      const top = outputs[layers - 1];
      const projection = projectionLoss(
        products,
        rowsBetween(top, size, top.shape[0]), // (N, H)
        drop(outputDropout, 'output', false),
        projectionWeight(p, 'linear', config.tieWeights),
        p('linear.bias'),
        packed,
        request,
      );
      if (!wanted) return { loss: projection.loss, gradients: {} };

      mark('backward');
      const gradients = new CompleteGradients(request.listener);
      gradients.add(projectionGradients('linear', projection, config.tieWeights));
      let dx: tf.Tensor2D = tf.pad(projection.dHidden!, [
        [size, 0],
        [0, 0],
      ]); // (M, H): the image's output is not scored
      for (let k = layers - 1; k >= 0; k--) {
        const dOutput: tf.Tensor2D = masks[k] ? tf.mul(dx, masks[k]!) : dx;
        const back = layerBackward(
          products,
          layer(k),
          traces[k],
          rows,
          packed.filling,
          dOutput,
          request.listener,
        );
        const add = (own: Record<string, tf.Tensor>) =>
          gradients.add(
            Object.fromEntries(
              Object.entries(own).map(([name, gradient]) => [`lstm_cell.${name}_l${k}`, gradient]),
            ),
          );
        add(back.gradients);
        const weight = layer(k)('weight_ih');
        if (k > 0) {
          add({ weight_ih: products.matMul(outputs[k - 1], back.dGates, true) });
          dx = products.matMul(back.dGates, weight, false, true);
        } else {
          const own = first.gradients(products, weight, back.dGates);
          add({ weight_ih: own.weight });
          gradients.add({ 'embed.weight': tableGradient(projection, own.table, config.tieWeights) });
          dx = own.before!;
        }
      }
      const dImage = dx; // (B, E)
      if (projected) {
        gradients.add({
          'project.weight': products.matMul(features, dImage, true),
          'project.bias': tf.sum(dImage, 0),
        });
      }
      if (!featureGradient) return { loss: projection.loss, gradients: gradients.byName };
      const dFeatures = projected ? products.matMul(dImage, p('project.weight'), false, true) : dImage;
      return { loss: projection.loss, gradients: gradients.byName, features: dFeatures };
    }) as { loss: tf.Scalar; gradients: Record<string, tf.Tensor>; features?: tf.Tensor };
    return { ...result, gradients: new Map(Object.entries(result.gradients)) };
  } finally {
    products.dispose();
  }
}
