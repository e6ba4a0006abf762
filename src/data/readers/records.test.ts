import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { captionReaders, readRecords } from './records.js';

let folder: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'showtell-records-'));
  path = join(folder, 'captions');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** In all ways to cut it, the whole among them. */
async function everyWay(text: string, work: (piece: number) => Promise<void>): Promise<void> {
  writeFileSync(path, text);
  for (let piece = 1; piece <= Buffer.byteLength(text) + 1; piece++) await work(piece);
}

const files = {
  'flickr-csv':
    '\ufeffimage,caption\r\na.jpg,"Größe, 3"\r\n\r\nb.jpg,小狗\r\na.jpg,zwei\r\nc.jpg,"ein ""X"""\r\n',
  'flickr-token': 'a.jpg#0\tGröße 3\nb.jpg#0\t小狗\n\na.jpg#1\tzwei\nc.jpg#0\tein "X"',
} as const;

it.each(['flickr-csv', 'flickr-token'] as const)('reads %s in pieces as in one', async (format) => {
  const whole = captionReaders[format].read(files[format], path, []);
  expect([...whole.captions.keys()]).toEqual(['a.jpg', 'b.jpg', 'c.jpg']);
  await everyWay(files[format], async (piece) => {
    expect(await readRecords(path, format, piece)).toEqual(whole);
  });
});

it.each([
  ['flickr-csv', 'image,caption\na.jpg,one\nb.jpg\nc.jpg,three\n,four\n', [3, 5]],
  ['flickr-token', 'a.jpg#0\tone\rno tab\r\nb.jpg#0\ttwo\nc.jpg\tthree\n', [2, 4]],
] as const)('names the lines of %s that are wrong, wherever it is cut', async (format, text, wrong) => {
  await everyWay(text, async (piece) => {
    const error: Error = await readRecords(path, format, piece).then(
      () => expect.fail('nothing was thrown'),
      (thrown: Error) => thrown,
    );
    const named = [...error.message.matchAll(/captions:(\d+): /g)].map(([, line]) => Number(line));
    expect(named).toEqual(wrong);
  });
});

it('says where a piece is no text', async () => {
  const bytes = Buffer.from('image,caption\na.jpg,one\na.jpg,two\nb.jpg,\xff\n', 'latin1');
  writeFileSync(path, bytes);
  for (const piece of [20, 30, 100]) {
    await expect(readRecords(path, 'flickr-csv', piece)).rejects.toThrow(/captions:4: not UTF-8/);
  }
  bytes[bytes.length - 2] = 0;
  writeFileSync(path, bytes);
  for (const piece of [20, 100]) {
    await expect(readRecords(path, 'flickr-csv', piece)).rejects.toThrow(/a NUL byte at offset 40/);
  }
  writeFileSync(path, '');
  await expect(readRecords(path, 'flickr-csv')).rejects.toThrow(/captions file .* is empty/);
  await expect(readRecords(folder, 'flickr-csv')).rejects.toThrow(/is a folder/);
});
