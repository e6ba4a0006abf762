/** Where a training step's time goes, operation by operation, and how near its matrix products come to the machine's best. */
import { matrixProducts, prepareBackend, tf } from '../src/backend/index.js';
import { Random } from '../src/core/index.js';
import type { Measurement } from './measure.js';
import { syntheticBatch } from './synthetic.js';
import { trainingStep, type TrainingOptions } from './training.js';

/** The methods of TensorFlow.js' native backend through which all operations go; they return when these are done. */
interface NativeBackend {
  executeSingleOutput(name: string, attributes: unknown, inputs: tf.Tensor[]): unknown;
  executeMultipleOutputs(name: string, attributes: unknown, inputs: tf.Tensor[], outputs: number): unknown;
}

/** With our kernels and without. */
const PRODUCTS = ['ShowtellProduct', 'BatchMatMulV2'];
const SQUARE = 2048;
const LISTED = 16;

/** GFLOP/s of the matrix products in a step. */
export async function measureOperations(options: TrainingOptions): Promise<Measurement> {
  await prepareBackend({ backend: 'native', precision: options.precision });
  const random = Random.from('bench/operations');
  const batch = syntheticBatch(options.lengths, options.sizes.vocabulary, random);
  const { run } = trainingStep(options.sizes, batch.size, random);
  const step = (seed: number) => {
    const { loss, gradientNorm, norms } = run(batch, seed);
    loss.dataSync();
    tf.dispose([loss, gradientNorm, norms]);
  };
  for (let i = 0; i < options.warmup; i++) step(i);
  const best = bestProduct();

  const seconds = new Map<string, number>();
  let work = 0; // multiplications and additions
  const backend = tf.backend() as unknown as NativeBackend;
  const timed = <A extends [string, unknown, tf.Tensor[], ...unknown[]]>(method: (...call: A) => unknown) =>
    function (...call: A): unknown {
      const began = performance.now();
      const result = method.apply(backend, call);
      seconds.set(call[0], (seconds.get(call[0]) ?? 0) + (performance.now() - began) / 1000);
      if (PRODUCTS.includes(call[0])) work += flops(call[2], [result].flat()[0] as tf.Tensor);
      return result;
    };
  backend.executeSingleOutput = timed(backend.executeSingleOutput.bind(backend));
  backend.executeMultipleOutputs = timed(backend.executeMultipleOutputs.bind(backend));

  const inProducts = () => PRODUCTS.reduce((sum, name) => sum + (seconds.get(name) ?? 0), 0);
  const values: number[] = [];
  let total = 0;
  for (let i = 0; i < options.repeats; i++) {
    const [before, worked] = [inProducts(), work];
    const began = performance.now();
    step(i);
    total += (performance.now() - began) / 1000;
    values.push((work - worked) / (inProducts() - before) / 1e9);
  }
  const shares = [...seconds].sort(([, a], [, b]) => b - a).slice(0, LISTED);
  return {
    values,
    facts: {
      [`products of ${SQUARE} x ${SQUARE} matrices`]: `${(best / 1e9).toFixed(0)} GFLOP/s`,
      ...Object.fromEntries(shares.map(([name, own]) => [name, `${((100 * own) / total).toFixed(1)} %`])),
    },
  };
}

function flops([x]: tf.Tensor[], product: tf.Tensor): number {
  // Every number of x meets as many numbers as a row of the product has, whichever factor is transposed.
  const [rows, columns] = product.shape.slice(-2);
  const inner = x.size / (product.size / (rows * columns)) / rows;
  return 2 * product.size * inner;
}

/** The best rate of large products. */
function bestProduct(): number {
  return tf.tidy(() => {
    const x = tf.randomUniform([SQUARE, SQUARE]);
    let best = Infinity;
    for (let i = 0; i < 10; i++) {
      const began = performance.now();
      const products = matrixProducts();
      products.matMul(x as tf.Tensor2D, x as tf.Tensor2D).dispose();
      best = Math.min(best, (performance.now() - began) / 1000);
      products.dispose();
    }
    return (2 * SQUARE ** 3) / best;
  });
}
