import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { zip } from '../../../tests/fake-setup.js';
import { silentLog } from '../../core/index.js';
import { putInPlace } from './place.js';
import { unpackWheel } from './unpack.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'showtell-unpack-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const wheel = (content: Buffer) => {
  const path = join(folder, 'a.whl');
  writeFileSync(path, content);
  return path;
};

it('writes the wanted files of a wheel', async () => {
  const path = wheel(zip({ 'a/b.txt': 'one', 'a/c.py': 'two', 'd.txt': '' }));
  expect(await unpackWheel(path, join(folder, 'out'), (name) => name.endsWith('.txt'), silentLog)).toBe(2);
  expect(readFileSync(join(folder, 'out/a/b.txt'), 'utf8')).toBe('one');
  expect(existsSync(join(folder, 'out/a/c.py'))).toBe(false);
});

it.each<[string, Buffer]>([
  ['that is cut off', zip({ 'a/b.txt': 'one' }).subarray(0, 40)],
  ['that is a web page', Buffer.from('<html>sign in to the network</html>')],
  ['that writes elsewhere', zip({ '../b.txt': 'one' })],
])('refuses a wheel %s', async (_, content) => {
  const promise = unpackWheel(wheel(content), join(folder, 'out'), () => true, silentLog);
  await expect(promise).rejects.toThrow(/a\.whl is not a whole wheel: /);
});

it('puts a directory in its place, or gives way to one as good', () => {
  const make = (name: string, content: string) => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'content'), content);
    return join(folder, name);
  };
  const place = join(folder, 'place');
  const content = () => readFileSync(join(place, 'content'), 'utf8');
  putInPlace(make('first', '1'), place, () => true);
  expect(content()).toBe('1');
  putInPlace(make('second', '2'), place, () => false);
  expect(content()).toBe('2');
  const third = make('third', '3');
  putInPlace(third, place, () => true);
  expect([content(), existsSync(third)]).toEqual(['2', false]);
});
