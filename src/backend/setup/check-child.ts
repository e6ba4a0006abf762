/**
 * The child process of check.ts: loads an addon as the product does and computes with it.
 *
 *     node check-child.js ADDON [KERNELS]     prints {"version":...,"usesGpu":...}, or fails
 */
import { loadAddon } from '../native.js';
import { require } from '../paths.js';
import { tf } from '../tf.js';

async function check(addon: string, kernels: string | undefined): Promise<string> {
  const { version, usesGpu } = loadAddon(addon);
  if (kernels !== undefined) require(kernels);
  if (!(await tf.setBackend('tensorflow'))) throw new Error('TensorFlow.js refuses the backend');
  const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
  const y = tf.tensor2d([5, 6, 7, 8], [2, 2]);
  const product = (left: tf.Tensor) => tf.matMul(left as tf.Tensor2D, y); // (2, 2)
  // With x: [1*5+2*7, 1*6+2*8, 3*5+4*7, 3*6+4*8]; the gradient of its sum has the row sums of y in every row.
  expect('a matrix product', product(x), [19, 22, 43, 50]);
  expect('a gradient', tf.grad((left) => tf.sum(product(left)))(x), [11, 15, 11, 15]);
  return JSON.stringify({ version, usesGpu });
}

function expect(what: string, tensor: tf.Tensor, wanted: number[]): void {
  const found = Array.from(tensor.dataSync());
  // Small integers are exact in every precision.
  if (found.join() !== wanted.join()) throw new Error(`${what} is ${found.join()}, not ${wanted.join()}`);
}

process.stdout.write(`${await check(process.argv[2], process.argv[3])}\n`);
