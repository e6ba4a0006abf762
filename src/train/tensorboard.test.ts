import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { TensorBoard } from './tensorboard.js';

/** The data of each record. */
function recordsOf(file: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    records.push(file.subarray(at + 12, at + 12 + length));
    at += 12 + length + 4;
  }
  return records;
}

it('writes records as TensorFlow does, with scalars and captions', () => {
  const folder = mkdtempSync(join(tmpdir(), 'showtell-board-'));
  const board = new TensorBoard(folder, 300);
  board.add({
    ...{ event: 'step', epoch: 2, step: 301, loss: 2.5, gradientNorm: 1, learningRate: 1e-3 },
    ...{ wordsPerSecond: 1000, seconds: 30 },
  });
  board.add({
    ...{ event: 'epoch', epoch: 2, step: 302, trainLoss: 2, best: true, wordsPerSecond: 1, seconds: 40 },
    validation: { images: 1, bleu: [0.5, 0.4, 0.3, 0.25], ciderD: 0.5 },
    samples: [{ image: 'a.jpg', caption: 'A dog' }],
  });
  const [name] = readdirSync(folder);
  expect(name).toMatch(/^events\.out\.tfevents\.\d+\./);
  const file = readFileSync(join(folder, name));
  // With these bytes every event file of TensorFlow begins: 24 bytes follow, and the checksum of that number.
  expect(file.subarray(0, 12).toString('hex')).toBe('1800000000000000a37f4b22');
  const [version, start, step, epoch] = recordsOf(file);
  expect(version.subarray(9).toString('latin1')).toBe('\x1a\x0dbrain.Event:2');
  // Step 302 - 1 as a varint, behind the time; session_log { status: START }.
  expect(start.subarray(9).toString('hex')).toBe('10ad02' + '3a020801');
  const loss = Buffer.from('\x0a\x0dtraining/loss\x15', 'latin1');
  expect(step.readFloatLE(step.indexOf(loss) + loss.length)).toBe(2.5);
  const bleu = Buffer.from('\x0a\x11validation/BLEU-4\x15', 'latin1');
  expect(epoch.readFloatLE(epoch.indexOf(bleu) + bleu.length)).toBe(0.25);
  expect(epoch.includes('- a.jpg: A dog')).toBe(true);
  rmSync(folder, { recursive: true });
});

it('writes pictures with their size and all their bytes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'showtell-board-'));
  const board = new TensorBoard(folder, 0);
  const background = { r: 1, g: 2, b: 3 };
  const png = await sharp({ create: { width: 300, height: 5, channels: 3, background } })
    .png()
    .toBuffer();
  board.addPictures(7, []);
  board.addPictures(7, [{ image: 'a.jpg', png }]);
  const records = recordsOf(readFileSync(join(folder, readdirSync(folder)[0])));
  expect(records).toHaveLength(2); // the version, and one with a picture
  const name = Buffer.from('\x0a\x0fattention/a.jpg', 'latin1');
  const value = records[1].subarray(records[1].indexOf(name) + name.length);
  const varint = (number: number) => (number < 128 ? [number] : [(number % 128) | 128, number >> 7]);
  // Image { height: 5, width: 300, colorspace: 3, encoded_image_string } in field 4.
  const image = Buffer.from([0x08, 5, 0x10, ...varint(300), 0x18, 3, 0x22, ...varint(png.length), ...png]);
  expect(value.equals(Buffer.from([0x22, ...varint(image.length), ...image]))).toBe(true);
  rmSync(folder, { recursive: true });
});
