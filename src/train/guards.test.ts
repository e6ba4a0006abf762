import { describe, expect, it } from 'vitest';
import { prepareBackend, tf } from '../backend/index.js';
import { UserError } from '../core/index.js';
import { LeakCounter, notFinite, withMemoryAdvice } from './guards.js';

it('names the gradients that are no numbers', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  expect(notFinite([1, 2, 3, 4, 5], names)).toBe('');
  expect(notFinite([1, NaN, 3, Infinity, 5], names)).toBe('the gradient of b, d');
  expect(notFinite([1, NaN, NaN, NaN, NaN], names)).toBe('the gradient of b, c, d and 1 others');
  expect(notFinite([NaN, NaN, NaN, NaN, NaN], names)).toBe('every gradient');
});

describe('tensors that steps leave behind', () => {
  it('are told of once they have become more for twenty steps', async () => {
    await prepareBackend({ backend: 'wasm' });
    const said: string[] = [];
    const leaks = new LeakCounter({ warn: (text) => said.push(text) });
    const left: tf.Tensor[] = [];
    // Kept on purpose, and once more than before.
    for (let step = 0; step < 30; step++) leaks.count(step === 10 ? -1 : 0);
    for (let step = 0; step < 20; step++) {
      left.push(tf.scalar(step), tf.scalar(step));
      leaks.count(0);
    }
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/^each of the last 20 steps left tensors behind, 4\d in all/);
    for (let step = 0; step < 30; step++) {
      left.push(tf.scalar(step));
      leaks.count(step + 1);
    }
    expect(said).toHaveLength(1);
    tf.dispose(left);
  });
});

describe('memory that does not suffice', () => {
  it.each([
    'OOM when allocating tensor with shape[4096,4096] and type float',
    'Invalid argument: Allocation of 9 exceeds; failed to allocate memory',
    'Array buffer allocation failed',
    'Aborted(). Cannot enlarge memory arrays',
  ])('is answered by advice: %s', (message) => {
    const error = withMemoryAdvice(new Error(message), 7, true) as UserError;
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toContain(`step 7 ran out of memory: ${message}`);
    expect(error.hint).toMatch(/training\.batchSize.*stages of the encoder/);
  });

  it('is not seen where there is another fault', () => {
    const error = new Error('shapes do not fit');
    expect(withMemoryAdvice(error, 7, false)).toBe(error);
    const own = new UserError('out of memory, as a user would say');
    expect(withMemoryAdvice(own, 7, false)).toBe(own);
  });
});
