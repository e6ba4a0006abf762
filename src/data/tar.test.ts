import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tarFiles, TarError } from './tar.js';

const long = `${'folder/'.repeat(40)}long.jpg`;
const contents: [name: string, content: Buffer][] = [
  ['a.jpg', Buffer.alloc(700, 1)],
  ['a.txt', Buffer.alloc(0)],
  [long, Buffer.alloc(512, 2)],
  ['größe.png', Buffer.alloc(300_000, 3)],
];

let directory: string;
let whole: Buffer;
const at = (name: string) => join(directory, name);
const write = (name: string, bytes: Uint8Array) => {
  writeFileSync(at(name), bytes);
  return at(name);
};

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'showtell-tar-'));
  const archive = pack();
  archive.entry({ name: 'folder', type: 'directory' });
  for (const [name, content] of contents) archive.entry({ name }, content);
  archive.entry({ name: 'link.jpg', type: 'symlink', linkname: 'a.jpg' });
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  whole = Buffer.concat(chunks);
  write('whole.tar', whole);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const packed = contents.map(([name, content]) => `${name} ${content.toString('base64')}`);

async function readAll(path: string): Promise<string[]> {
  const found: string[] = [];
  for await (const file of tarFiles(path))
    found.push(`${file.name} ${(await file.read()).toString('base64')}`);
  return found;
}

async function errorOf(path: string): Promise<unknown> {
  return readAll(path).then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('tarFiles', () => {
  it('gives the regular files in their order, whatever their names, plain and packed', async () => {
    expect(await readAll(at('whole.tar'))).toEqual(packed);
    expect(await readAll(write('packed.tar.gz', gzipSync(whole)))).toEqual(packed);
    expect(await readAll(write('packed.tgz', gzipSync(whole)))).toEqual(packed);
  });

  it('passes over files that are not read, and tells how far it is', async () => {
    let told = 0;
    const read: string[] = [];
    for await (const file of tarFiles(at('whole.tar'), (bytes) => (told = bytes))) {
      if (file.name === long) read.push((await file.read()).toString('hex').slice(0, 4));
    }
    expect({ told, read }).toEqual({ told: whole.length, read: ['0202'] });
  });

  it('does not read ahead of who takes its files', async () => {
    const archive = pack();
    for (let i = 0; i < 40; i++) archive.entry({ name: `${i}.jpg` }, Buffer.alloc(2 ** 20, i));
    archive.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of archive) chunks.push(chunk as Buffer);
    let told = 0;
    for await (const file of tarFiles(write('large.tar', Buffer.concat(chunks)), (bytes) => (told = bytes))) {
      await file.read();
      await sleep(50); // long enough to read all of it
      expect(told).toBeLessThan(file.offset + 4 * 2 ** 20);
      if (file.name === '3.jpg') break;
    }
    expect(told).toBeGreaterThan(2 ** 22);
  });

  it('says where one is cut off, wherever that is', async () => {
    // Two blocks of zeros end it; without both it is not whole, with one it is taken as whole.
    const last = whole.length - 1024;
    const cuts = [0, 1, 511, 512, 513, 1024, 1500, 1800, 4096, last - 512, last - 1, last, last + 511];
    for (const cut of cuts) {
      const error = await errorOf(write('cut.tar', whole.subarray(0, cut)));
      expect(error, `cut at ${cut}`).toBeInstanceOf(TarError);
      const { offset, message } = error as TarError;
      expect(offset, `cut at ${cut}`).toBeLessThanOrEqual(cut);
      expect(cut - offset, `cut at ${cut}`).toBeLessThanOrEqual(1024); // a pax header and its content at most
      expect(message).toContain(`The shard ${at('cut.tar')} is damaged at byte ${offset}`);
    }
    const gzip = gzipSync(whole);
    expect(await errorOf(write('cut.tar.gz', gzip.subarray(0, gzip.length - 20)))).toBeInstanceOf(TarError);
  });

  it('says at which byte a header is damaged', async () => {
    const offsets: number[] = [];
    for await (const { offset } of tarFiles(at('whole.tar'))) offsets.push(offset);
    for (const offset of [offsets[0], offsets[1]]) {
      const damaged = Buffer.from(whole);
      damaged[offset] ^= 1;
      const error = await errorOf(write('damaged.tar', damaged));
      expect(error).toBeInstanceOf(TarError);
      expect((error as TarError).offset).toBe(offset);
    }
    expect(readFileSync(at('damaged.tar')).length).toBe(whole.length);
  });

  it('reports a file that is not there', async () => {
    expect(String(await errorOf(at('gone.tar')))).toMatch(/The shard .*gone\.tar cannot be opened: ENOENT/);
  });
});
