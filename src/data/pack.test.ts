import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Pack, PackWriter } from './pack.js';

let folder: string;
const path = () => join(folder, 'test.pack');
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'showtell-pack-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const words = ['', 'a', 'dog', 'ünï', ''].map((word) => Buffer.from(word));

function writePack(): void {
  const writer = new PackWriter(path());
  writer.list('words', words);
  writer.numbers('counts', Int32Array.of(3, -1, 2 ** 31 - 1));
  writer.list('none', []);
  writer.numbers('times', Float64Array.of(0.5, 2 ** 52, -1));
  writer.finish({ a: 1 });
}

it('gives back lists by position and in order, numbers, and what was said of it', () => {
  writePack();
  const pack = Pack.open(path());
  expect(pack.head).toEqual({ a: 1 });
  const list = pack.list('words');
  expect(list.length).toBe(5);
  expect([3, 0, 2].map((i) => list.at(i).toString())).toEqual(['ünï', '', 'dog']);
  expect(list.range(1, 4)).toEqual(words.slice(1, 4));
  expect([...list]).toEqual(words);
  expect(list.range(5, 5)).toEqual([]);
  expect(() => list.at(5)).toThrow(/items 5 to 6 of 5/);
  expect([...pack.list('none')]).toEqual([]);
  expect([...pack.int32('counts')]).toEqual([3, -1, 2 ** 31 - 1]);
  expect([...pack.float64('times')]).toEqual([0.5, 2 ** 52, -1]);
  expect(() => pack.int32('other')).toThrow(/no section other/);
  pack.close();
});

it('goes through lists that are longer than what is read at a time', () => {
  const items = Array.from({ length: 10_000 }, (_, i) => Buffer.from(`item ${i} ${'x'.repeat(i % 300)}`));
  const writer = new PackWriter(path());
  writer.list('items', items);
  writer.finish(null);
  const pack = Pack.open(path());
  expect([...pack.list('items')].every((item, i) => item.equals(items[i]))).toBe(true);
  expect(pack.list('items').at(9_999)).toEqual(items[9_999]);
  pack.close();
});

it('is whole or not there', () => {
  const writer = new PackWriter(path());
  writer.list('words', words);
  expect(readdirSync(folder)).toHaveLength(1);
  expect(readdirSync(folder)).not.toContain('test.pack');
  writer.discard();
  expect(readdirSync(folder)).toEqual([]);
});

it('finds damage at any byte, and an end at any', () => {
  writePack();
  const bytes = readFileSync(path());
  // The last four are not used.
  for (let at = 0; at < bytes.length - 4; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at] ^= 4;
    writeFileSync(path(), damaged);
    expect(() => Pack.open(path()).close(), `byte ${at}`).toThrow(/is damaged/);
  }
  writeFileSync(path(), bytes);
  for (let size = bytes.length - 1; size >= 0; size -= 7) {
    truncateSync(path(), size);
    expect(() => Pack.open(path()), `${size} bytes`).toThrow(/is damaged/);
  }
});
