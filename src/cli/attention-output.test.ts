import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UserError } from '../core/index.js';
import type { AttendedCaption } from '../infer/index.js';
import { attentionOutput } from './attention-output.js';

let directory: string;
const at = (name: string) => join(directory, name);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'showtell-attention-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const caption: AttendedCaption = {
  text: 'A dog',
  words: ['a'],
  logProbability: -1,
  score: -1,
  finished: true,
  attention: {
    height: 1,
    width: 1,
    maps: [Float32Array.of(1)],
    photo: { width: 4, height: 4 },
    region: { left: 0, top: 0, width: 4, height: 4 },
  },
};

it('never gives a picture the name of an image or of another picture', async () => {
  const images = ['a.png', 'out-a.png', 'a.jpg'].map(at);
  for (const image of images)
    await sharp({ create: { width: 4, height: 4, channels: 3, background: '#fff' } }).toFile(image);
  const output = attentionOutput(at('out.png'), images, false);
  for (const image of images) await output.add(image, caption);
  await output.end();
  expect(readdirSync(directory).sort()).toEqual(
    ['a.png', 'out-a.png', 'a.jpg', 'out-a-2.png', 'out-out-a.png', 'out-a-3.png'].sort(),
  );
  expect((await sharp(at('out-a.png')).metadata()).width).toBe(4);
});

it.each<[string, () => [path: string, images: string[]], RegExp]>([
  ['another ending', () => ['a.gif', ['a.jpg']], /a\.gif does not end in \.png, \.html or \.json/],
  ['no ending', () => ['png', ['a.jpg']], /png does not end in/],
  ['a folder', () => [directory, ['a.jpg']], /is a folder/],
  ['the image itself', () => ['./a.png', ['a.png']], /would overwrite an image/],
  [
    'too many images for a page',
    () => ['a.html', Array.from({ length: 501 }, (_, i) => `${i}.jpg`)],
    /a page holds at most 500 images, not 501/,
  ],
])('refuses %s', (_, given, message) => {
  const [path, images] = given();
  expect(() => attentionOutput(path, images, true)).toThrow(UserError);
  expect(() => attentionOutput(path, images, true)).toThrow(message);
});

it('takes an ending in capitals', () => {
  for (const name of ['A.PNG', 'A.HTML', 'A.JSON'])
    expect(() => attentionOutput(name, ['a.jpg'], true)).not.toThrow();
});
