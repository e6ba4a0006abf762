import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Pack, PackWriter } from '../pack.js';
import { imagesAreSame, writeImageTimes } from './image-times.js';
import { PackedSplit } from './packed-split.js';

let folder: string;
const at = (name: string) => join(folder, name);
const names = Array.from({ length: 10 }, (_, i) => `${i}.jpg`);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'showtell-times-'));
  mkdirSync(at('images'));
  for (const name of names) writeFileSync(at(`images/${name}`), name);
  utimesSync(at('images'), 1, 1);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Whether images look the same to a start that looks at three of ten, after `change`. */
function lookSame(change: () => void): boolean {
  const images = names.map((image) => ({ image, captions: [] }));
  const writer = new PackWriter(at('pack'));
  const { times } = writeImageTimes(writer, { train: images }, [], at('images'));
  PackedSplit.write(writer, 'train', images);
  writer.finish({});
  change();
  const pack = Pack.open(at('pack'));
  try {
    return imagesAreSame(pack, ['train'], times, at('images'), 3);
  } finally {
    pack.close();
  }
}

it.each([
  [true, 'nothing', () => undefined],
  [false, 'one that is looked at', () => writeFileSync(at('images/8.jpg'), 'other')],
  [true, 'one that is not, in place', () => writeFileSync(at('images/7.jpg'), 'other')],
  [
    false,
    'that one, and a file of its folder is new',
    () => {
      writeFileSync(at('images/7.jpg'), 'other');
      writeFileSync(at('images/new.txt'), '');
    },
  ],
])('of many images are the same: %s, where %s has changed', (same, _, change) => {
  expect(lookSame(change)).toBe(same);
});
