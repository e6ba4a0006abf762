/** What is drawn, and how often. Run on each backend. */
import { beforeAll, expect, it } from 'vitest';
import { prepareBackend, tf, type BackendName } from '../../backend/index.js';
import { draw } from './sampling.js';

/** Evenly spaced places in the distribution: each word is then drawn by its probability, to one draw. */
const DRAWS = 1000;
const uniform = Array.from({ length: DRAWS }, (_, i) => (i + 0.5) / DRAWS);

const logits = [1, -Infinity, 2, 0, 1.5, -1];

function counts(options: { temperature?: number; topK?: number | null; topP?: number | null }): number[] {
  return tf.tidy(() => {
    const rows = tf.tile(tf.tensor2d([logits]), [DRAWS, 1]) as tf.Tensor2D;
    const drawn = draw(rows, { temperature: 1, topK: null, topP: null, ...options }, uniform);
    const words = drawn.words.dataSync();
    drawn.logits.dataSync().forEach((logit, i) => expect(logit).toBe(logits[words[i]]));
    const found = new Array<number>(logits.length).fill(0);
    for (const word of words) found[word]++;
    return found;
  });
}

/** DRAWS times the probability of each word, where only some words may be drawn. */
function expected(allowed: number[], temperature = 1): number[] {
  const weights = logits.map((logit, id) => (allowed.includes(id) ? Math.exp(logit / temperature) : 0));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => (DRAWS * weight) / sum);
}

function expectCounts(found: number[], wanted: number[]) {
  found.forEach((count, id) => {
    expect(Math.abs(count - wanted[id]), `word ${id}`).toBeLessThanOrEqual(1);
    if (wanted[id] === 0) expect(count).toBe(0);
  });
}

export function samplingCases(backend: BackendName): void {
  beforeAll(async () => void (await prepareBackend({ backend })));

  it('draws by the probabilities of the softmax', () => {
    expectCounts(counts({}), expected([0, 2, 3, 4, 5]));
  });

  it('divides logits by the temperature', () => {
    expectCounts(counts({ temperature: 0.5 }), expected([0, 2, 3, 4, 5], 0.5));
    expectCounts(counts({ temperature: 3 }), expected([0, 2, 3, 4, 5], 3));
  });

  it('top-k keeps the k likeliest words', () => {
    expectCounts(counts({ topK: 3 }), expected([0, 2, 4]));
    expectCounts(counts({ topK: 1 }), expected([2]));
    expectCounts(counts({ topK: 100 }), expected([0, 2, 3, 4, 5]));
  });

  it('top-p keeps the fewest likeliest words that reach p', () => {
    // Probabilities: word 2 0.46, word 4 0.28, word 0 0.17, word 3 0.06, word 5 0.02.
    expectCounts(counts({ topP: 0.4 }), expected([2]));
    expectCounts(counts({ topP: 0.5 }), expected([2, 4]));
    expectCounts(counts({ topP: 0.8 }), expected([0, 2, 4]));
    expectCounts(counts({ topP: 1 }), expected([0, 2, 3, 4, 5]));
    expectCounts(counts({ topP: 1e-9 }), expected([2]));
  });

  it('top-p counts the probabilities that top-k and the temperature leave', () => {
    expectCounts(counts({ topK: 2, topP: 0.62 }), expected([2])); // 0.622 of words 2 and 4
    expectCounts(counts({ topK: 2, topP: 0.63 }), expected([2, 4]));
  });

  it('reaches the ends of the distribution and no further', () => {
    tf.tidy(() => {
      const rows = tf.tensor2d([logits, logits]);
      const plain = { temperature: 1, topK: null, topP: null };
      expect([...draw(rows, plain, [0, 1 - 2 ** -33]).words.dataSync()]).toEqual([0, 5]);
      expect([...draw(rows, { ...plain, topP: 0.5 }, [0, 1 - 2 ** -33]).words.dataSync()]).toEqual([2, 4]);
    });
  });
}
