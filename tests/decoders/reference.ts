/**
 * The teacher-forced losses once more, written plainly for TensorFlow.js's own differentiation: slow, and what the
 * tests hold the hand-derived sequences against. Same parameters, same dropout masks.
 */
import { tf } from '../../src/backend/index.js';
import { dropoutMask } from '../../src/models/decoders/cells.js';
import { pack, rowKeys, type PackedBatch } from '../../src/models/decoders/packed.js';
import type {
  LstmDecoderConfig,
  SequenceOptions,
  SoftAttentionDecoderConfig,
  TeacherForcedBatch,
} from '../../src/models/decoders/index.js';

/** x W + b: (B, in) -> (B, out). */
function linear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor2D {
  return tf.add(tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D), bias);
}

/** @param gates i, f, o, g before their sigmoids and tanh, (B, 4H) @param c (B, H) */
function lstmCell(gates: tf.Tensor2D, c: tf.Tensor2D): { h: tf.Tensor2D; c: tf.Tensor2D } {
  const [i, f, o, g] = tf.split(gates, 4, 1); // (B, H) each
  const next: tf.Tensor2D = tf.add(tf.mul(tf.sigmoid(f), c), tf.mul(tf.sigmoid(i), tf.tanh(g)));
  return { h: tf.mul(tf.sigmoid(o), tf.tanh(next)), c: next };
}

type Lookup = (name: string) => tf.Tensor;

/** As a matrix product: the gradient of tf.gather is not on every backend. */
function embed(table: tf.Tensor, ids: Int32Array): tf.Tensor2D {
  const hot = tf.oneHot(tf.tensor1d(ids.slice(), 'int32'), table.shape[0]);
  return tf.matMul(tf.cast(hot, 'float32') as tf.Tensor2D, table as tf.Tensor2D); // (N, E)
}

/** Sum over all words of their shares, with the logits from the hidden states of all steps. */
function crossEntropy(
  p: Lookup,
  projection: string,
  hidden: tf.Tensor2D,
  packed: PackedBatch,
  { labelSmoothing: smoothing = 0, never = [] }: SequenceOptions,
  tied = false,
): tf.Scalar {
  const weight = tied ? tf.transpose(p('embed.weight')) : p(`${projection}.weight`);
  const all = linear(hidden, weight, p(`${projection}.bias`)); // (N, V)
  const excluded = Array.from({ length: all.shape[1] }, (_, id) => (never.includes(id) ? -1e9 : 0));
  const logits = tf.add(all, tf.tensor1d(excluded));
  const hot = tf.oneHot(tf.tensor1d(packed.targets.slice(0, packed.words), 'int32'), weight.shape[1]!);
  const logs = tf.logSoftmax(logits);
  const ofTargets = tf.sum(tf.mul(logs, hot), 1);
  const wanted = tf.add(tf.mul(ofTargets, 1 - smoothing), tf.mul(tf.mean(logs, 1), smoothing)); // (N)
  return tf.neg(tf.sum(tf.mul(wanted, tf.tensor1d(packed.shares.slice(0, packed.words))))) as tf.Scalar;
}

/** @param images whether the images' rows stand before the words */
function dropped(
  x: tf.Tensor2D,
  packed: PackedBatch,
  { training = false, seed = 0 }: SequenceOptions,
  { rate = 0, place, images = false }: { rate?: number; place: string; images?: boolean },
): tf.Tensor2D {
  if (!training || rate === 0) return x;
  const keys = rowKeys(packed, seed, place, images).subarray(0, x.shape[0]);
  return tf.mul(x, dropoutMask(keys, x.shape[1], rate));
}

function first(x: tf.Tensor2D, rows: number): tf.Tensor2D {
  return tf.slice(x, [0, 0], [rows, -1]);
}

export function plainLstmLoss(
  p: Lookup,
  config: LstmDecoderConfig,
  features: tf.Tensor2D,
  batch: TeacherForcedBatch,
  options: SequenceOptions & { projected: boolean },
): tf.Scalar {
  const { projected } = options;
  const packed = pack(batch);
  const { layers, hidden, dropout, outputDropout } = config;
  const image = projected ? linear(features, p('project.weight'), p('project.bias')) : features; // (B, E)
  const vectors = dropped(embed(p('embed.weight'), packed.inputs), packed, options, {
    ...{ rate: config.embeddingDropout, place: 'words' },
  });
  let x = tf.concat([image, vectors], 0); // (B + N, E)
  const rows = [batch.size, ...packed.rows];
  for (let k = 0; k < layers; k++) {
    let h: tf.Tensor2D = tf.zeros([batch.size, hidden]);
    let c: tf.Tensor2D = tf.zeros([batch.size, hidden]);
    const outputs: tf.Tensor2D[] = [];
    let offset = 0;
    for (const n of rows) {
      const gates: tf.Tensor2D = tf.add(
        linear(
          tf.slice(x, [offset, 0], [n, -1]),
          p(`lstm_cell.weight_ih_l${k}`),
          p(`lstm_cell.bias_ih_l${k}`),
        ),
        linear(first(h, n), p(`lstm_cell.weight_hh_l${k}`), p(`lstm_cell.bias_hh_l${k}`)),
      );
      ({ h, c } = lstmCell(gates, first(c, n)));
      outputs.push(h);
      offset += n;
    }
    x = tf.concat(outputs, 0); // (B + N, H)
    if (k < layers - 1) x = dropped(x, packed, options, { rate: dropout, place: `layer.${k}`, images: true });
  }
  const last: tf.Tensor2D = tf.slice(x, [batch.size, 0]); // (N, H)
  const words = dropped(last, packed, options, { rate: outputDropout, place: 'output' });
  return crossEntropy(p, 'linear', words, packed, options, config.tieWeights);
}

export function plainSoftAttentionLoss(
  p: Lookup,
  config: SoftAttentionDecoderConfig,
  features: tf.Tensor3D,
  batch: TeacherForcedBatch,
  options: SequenceOptions = {},
): tf.Scalar {
  const { doublyStochastic = 0 } = options;
  const packed = pack(batch);
  const [size, places, channels] = features.shape;
  const apply = (x: tf.Tensor2D, name: string) => linear(x, p(`${name}.weight`), p(`${name}.bias`));
  const flat: tf.Tensor2D = tf.reshape(features, [size * places, channels]);
  const keys = tf.reshape(apply(flat, 'attention.encoder_attn'), [size, places, config.attention]);
  const mean: tf.Tensor2D = tf.mean(features, 1); // (B, C)
  let h = apply(mean, 'init_h'); // (B, H)
  let c = apply(mean, 'init_c');
  const words = dropped(embed(p('embed.weight'), packed.inputs), packed, options, {
    ...{ rate: config.embeddingDropout, place: 'words' },
  }); // (N, E)
  const outputs: tf.Tensor2D[] = [];
  let attended: tf.Tensor2D = tf.zeros([size, places]);
  packed.rows.forEach((n, t) => {
    h = first(h, n);
    const query = tf.reshape(apply(h, 'attention.decoder_attn'), [n, 1, config.attention]);
    const joint = tf.relu(tf.add(tf.slice(keys, 0, n), query)); // (n, P, A)
    const scores = apply(tf.reshape(joint, [n * places, config.attention]), 'attention.full_attn');
    const alpha = tf.softmax(tf.reshape(scores, [n, 1, places])); // (n, 1, P)
    attended = tf.add(
      attended,
      tf.pad(tf.reshape(alpha, [n, places]), [
        [0, size - n],
        [0, 0],
      ]),
    );
    const context = tf.reshape(tf.matMul(alpha, tf.slice(features, 0, n)), [n, channels]);
    const gated = tf.mul(tf.sigmoid(apply(h, 'f_beta')), context) as tf.Tensor2D;
    const word = tf.slice(words, [packed.offsets[t], 0], [n, -1]);
    const gates: tf.Tensor2D = tf.add(
      linear(tf.concat([word, gated], 1), p('lstm_cell.weight_ih'), p('lstm_cell.bias_ih')),
      linear(h, p('lstm_cell.weight_hh'), p('lstm_cell.bias_hh')),
    );
    ({ h, c } = lstmCell(gates, first(c, n)));
    outputs.push(h);
  });
  const all = tf.concat(outputs, 0); // (N, H)
  const hidden = dropped(all, packed, options, { rate: config.dropout, place: 'output' });
  const spread = tf.mul(tf.mean(tf.square(tf.sub(1, attended))), doublyStochastic);
  return tf.add(crossEntropy(p, 'fc', hidden, packed, options, config.tieWeights), spread);
}
