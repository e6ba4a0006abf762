import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readWordVectors } from './word-vectors.js';

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'showtell-vectors-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (text: string, ...words: string[]) => {
  const path = join(folder, 'vectors.txt');
  writeFileSync(path, text);
  return readWordVectors(path, new Set(words), 3);
};
const failure = (text: string) =>
  read(text, 'dog').then(
    () => 'no error',
    (error: Error) => error.message.replace(folder, ''),
  );

it('reads the vectors of the words that are asked for, the first of each', async () => {
  const { vectors, words } = await read(
    'the 1 2 3\r\ndog 0.5 -1e-2 3 \ncat 7 8 9\ndog 9 9 9\n',
    'dog',
    'bird',
    'the',
  );
  expect(words).toBe(4);
  expect([...vectors.keys()]).toEqual(['the', 'dog']);
  expect([...vectors.get('dog')!]).toEqual([0.5, Math.fround(-0.01), 3]);
});

it("reads word2vec's first line, and words with spaces or of other scripts", async () => {
  const { vectors } = await read('3 3\nдом 1 2 3\n. . . 4 5 6\n犬 7 8 9', 'дом', '. . .', '犬', '3');
  expect([...vectors.keys()]).toEqual(['дом', '. . .', '犬']);
});

it('says in which line a vector is wrong', async () => {
  expect(await failure('the 1 2 3\ndog 1 2\n')).toBe('/vectors.txt:2: 2 numbers');
  expect(await failure('the 1 2 3 4 5\n')).toBe('/vectors.txt:1: 5 numbers');
  expect(await failure('the 1 2 3\ndog 1 x 3\n')).toBe('/vectors.txt:2: "x" is no number');
  expect(await failure(`the 1 2 3\n${'x'.repeat(3_000_000)}`)).toMatch(
    /a line has more than 1048576 characters$/,
  );
  expect(await failure('\n')).toMatch(/hold no word$/);
  await expect(readWordVectors(join(folder, 'none.txt'), new Set(), 3)).rejects.toThrow(
    /cannot read the word vectors/,
  );
});
