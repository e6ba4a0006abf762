import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { zip } from '../../tests/fake-setup.js';
import { silentLog } from './log.js';
import { DamagedZip, unzip } from './unzip.js';

let folder: string;
let archive: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'showtell-unzip-'));
  archive = join(folder, 'a.zip');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const out = (name: string) => join(folder, 'out', name);
const unpack = (signal?: AbortSignal) =>
  unzip(archive, (name) => (name.endsWith('.txt') ? out(name) : undefined), { log: silentLog, signal });

it('writes the wanted files, and counts them', async () => {
  writeFileSync(archive, zip({ 'a/': '', 'a/b.txt': 'one', 'c.jpg': 'two', 'd.txt': '' }));
  expect(await unpack()).toBe(2);
  expect(readFileSync(out('a/b.txt'), 'utf8')).toBe('one');
  expect(readFileSync(out('d.txt'), 'utf8')).toBe('');
  expect(existsSync(out('c.jpg'))).toBe(false);
});

it('unpacks what Info-ZIP compressed', async () => {
  // yes showtell | head -5 > b.txt; touch -d 2000-01-01T00:00 b.txt; TZ=UTC zip -X a.zip b.txt
  const bytes =
    'UEsDBBQAAAAIAAAAISgaRHO+DgAAAC0AAAAFAAAAYi50eHQrzsgvL0nNyeEqJoIBAFBLAQIeAxQAAAAIAAAAISgaRHO+DgAAAC0AAAAFAAAA' +
    'AAAAAAEAAACkgQAAAABiLnR4dFBLBQYAAAAAAQABADMAAAAxAAAAAAA=';
  writeFileSync(archive, Buffer.from(bytes, 'base64'));
  expect(await unpack()).toBe(1);
  expect(readFileSync(out('b.txt'), 'utf8')).toBe('showtell\n'.repeat(5));
});

it('goes on where it was interrupted: whole files stay, others are written anew', async () => {
  writeFileSync(archive, zip({ 'a.txt': 'one', 'b.txt': 'two' }));
  mkdirSync(out(''));
  writeFileSync(out('a.txt'), 'own'); // of the same size
  writeFileSync(out('b.txt'), 't');
  expect(await unpack()).toBe(2);
  expect(readFileSync(out('a.txt'), 'utf8')).toBe('own');
  expect(readFileSync(out('b.txt'), 'utf8')).toBe('two');
});

it('leaves nothing half-written of a file with another checksum', async () => {
  const bytes = zip({ 'a.txt': 'one' });
  bytes[bytes.indexOf('one')] ^= 1;
  writeFileSync(archive, bytes);
  await expect(unpack()).rejects.toThrow(/the checksum of a\.txt is another/);
  await expect(unpack()).rejects.toThrow(DamagedZip);
  expect(readdirSync(out(''))).toEqual([]);
});

it.each<[string, Buffer]>([
  ['is cut off', zip({ 'a.txt': 'one' }).subarray(0, 40)],
  ['is a web page', Buffer.from('<html>sign in to the network</html>')],
  ['writes elsewhere', zip({ '../b.txt': 'one' })],
])('refuses a file that %s', async (_, content) => {
  writeFileSync(archive, content);
  await expect(unpack()).rejects.toThrow(DamagedZip);
  expect(existsSync(join(folder, 'b.txt'))).toBe(false);
});

it('ends when it is interrupted, and says what the disk said', async () => {
  writeFileSync(archive, zip({ 'a.txt': 'one' }));
  const reason = new Error('enough');
  await expect(unpack(AbortSignal.abort(reason))).rejects.toBe(reason);
  writeFileSync(out('').replace(/\/$/, ''), 'a file where the folder should be');
  await expect(unpack()).rejects.toThrow(/EEXIST|ENOTDIR/);
  await expect(unpack()).rejects.not.toThrow(DamagedZip);
});
