import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.js';
import { NgramTable } from './ngrams.js';

describe('n-gram table', () => {
  it('counts as a Map of joined words does, however it grows', () => {
    const random = Random.from('ngrams');
    const table = new NgramTable();
    const numbers = new Map<string, number>();
    for (let caption = 0; caption < 3000; caption++) {
      const words = Array.from({ length: random.integer(15) }, () => `w${random.integer(300)}`);
      const plain = Array.from({ length: 4 }, (_, n) => {
        const counts = new Map<string, number>();
        for (let i = 0; i + n < words.length; i++) {
          const key = words.slice(i, i + n + 1).join(' ');
          counts.set(key, (counts.get(key) ?? 0) + 1);
        }
        return counts;
      });
      const counts = table.count(words);
      counts.forEach((found, n) => {
        expect([...found.values()]).toEqual([...plain[n].values()]);
        // The same n-gram always has the same number, and no other has it.
        [...found.keys()].forEach((id, i) => {
          const key = [...plain[n].keys()][i];
          if (numbers.has(key)) expect(id).toBe(numbers.get(key));
          numbers.set(key, id);
        });
      });
    }
    expect(new Set(numbers.values()).size).toBe(numbers.size);
    expect(table.size).toBe(numbers.size);
    expect(table.size).toBeGreaterThan(40_000);
  });
});
