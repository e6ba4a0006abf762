import { expect, it } from 'vitest';
import { Random } from '../core/index.js';
import { hashOf, NameIndex } from './name-index.js';

it('finds every name, and none that was not added', () => {
  const index = new NameIndex();
  const names = Array.from({ length: 20_000 }, (_, i) => `folder${i % 7}/${i}.jpg`);
  expect(names.map((name) => index.add(name))).toEqual([...names.keys()]);
  expect(index.size).toBe(names.length);
  expect(names.map((name) => index.find(name))).toEqual([...names.keys()]);
  expect(names.every((name) => index.find(`${name}x`) === -1)).toBe(true);
  expect(new NameIndex(10).find('a')).toBe(-1);
});

it('tells names of the same hash apart', () => {
  const alike = [
    ['low', (a: string, b: string) => hashOf(a).low === hashOf(b).low],
    ['high', (a: string, b: string) => hashOf(a).high === hashOf(b).high],
  ] as const;
  for (const [half, same] of alike) {
    const [a, b] = collision(half);
    expect(same(a, b)).toBe(true);
    const index = new NameIndex();
    expect([index.add(a), index.add(b), index.find(a), index.find(b)]).toEqual([0, 1, 0, 1]);
  }
});

it('keeps a name that is added again findable', () => {
  const index = new NameIndex();
  index.add('a');
  expect(index.add('a')).toBe(1); // its hash is known: kept aside, and the later number counts
  expect(index.find('a')).toBe(1);
});

/** Two names of which one half of the hash is the same: of 300,000 about ten pairs have it. */
function collision(half: 'low' | 'high'): [string, string] {
  const random = Random.from('collision');
  const seen = new Map<number, string>();
  for (let i = 0; i < 300_000; i++) {
    const name = `${random.integer(2 ** 31)}.jpg`;
    const hash = hashOf(name)[half];
    const other = seen.get(hash);
    if (other !== undefined && other !== name) return [other, name];
    seen.set(hash, name);
  }
  throw new Error('no two names have the same hash');
}
