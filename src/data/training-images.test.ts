import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { augmentSchema, imageSchema } from '../config/index.js';
import { silentLog } from '../core/index.js';
import { TrainingImages, type TrainingImagesOptions } from './training-images.js';

const folder = mkdtempSync(join(tmpdir(), 'showtell-training-images-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** (2, 3, 3) */
const rgb = Uint8Array.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 200, 150, 100, 255, 255, 255]);
const negative = rgb.map((v) => 255 - v);

beforeAll(async () => {
  const write = async (name: string, data: Uint8Array) =>
    writeFileSync(
      join(folder, name),
      await sharp(data, { raw: { width: 3, height: 2, channels: 3 } })
        .png()
        .toBuffer(),
    );
  await write('one.png', rgb);
  await write('two.png', negative);
  writeFileSync(join(folder, 'broken.png'), 'broken');
});

const options: TrainingImagesOptions = {
  train: ['one.png', 'two.png'],
  validation: ['two.png'],
  imageDirectory: folder,
  imageConfig: imageSchema.parse({ resize: [2, 3], crop: null }),
  augment: augmentSchema.parse({}),
  seed: 1,
  onBadImage: 'error',
  log: silentLog,
};

async function opened(
  changes: Partial<TrainingImagesOptions>,
  work: (images: TrainingImages) => Promise<void>,
): Promise<void> {
  const images = await TrainingImages.open({ ...options, ...changes });
  try {
    await work(images);
  } finally {
    await images.close();
  }
}

describe('TrainingImages', () => {
  it.each([
    ['from memory', 1e6],
    ['decoded anew, where memory is full', 0],
  ])('gives pixels in the order asked for: %s', async (_, maxBytes) => {
    await opened({ maxBytes }, async (images) => {
      const expected = [...negative, ...rgb, ...negative];
      expect([...(await images.read(['two.png', 'one.png', 'two.png']))]).toEqual(expected);
      expect([...(await images.readForTraining(['two.png', 'one.png', 'two.png'], 1, 0))]).toEqual(expected);
      await expect(images.read(['three.png'])).rejects.toThrow(/three\.png does not exist/);
    });
  });

  it('draws changes from seed, image and moment alone, for training only', async () => {
    const augment = augmentSchema.parse({ crop: 0.3, brightness: 0.5, flip: 0.5 });
    const drawn: string[] = [];
    for (const seed of [1, 1, 2]) {
      await opened({ augment, seed }, async (images) => {
        const first = await images.readForTraining(['one.png', 'two.png'], 1, 0);
        const second = await images.readForTraining(['one.png', 'two.png'], 1, 1);
        expect(second).not.toEqual(first);
        // Alone, in another order, at any time: the same.
        expect(await images.readForTraining(['two.png', 'one.png'], 1, 0)).toEqual(
          Uint8Array.from([...first.slice(18), ...first.slice(0, 18)]),
        );
        expect([...(await images.read(['one.png']))]).toEqual([...rgb]);
        drawn.push(first.join());
      });
    }
    expect(drawn[0]).toBe(drawn[1]);
    expect(drawn[2]).not.toBe(drawn[0]);
  });

  it('ends at a bad image, or skips it', async () => {
    const train = ['one.png', 'broken.png'];
    await expect(TrainingImages.open({ ...options, train })).rejects.toThrow(/broken\.png cannot be decoded/);
    await opened({ train, onBadImage: 'skip' }, async (images) => {
      expect(images.skipped.map(({ image }) => image)).toEqual(['broken.png']);
      expect(images.has('broken.png')).toBe(false);
      expect(images.has('one.png')).toBe(true);
      await Promise.resolve();
    });
  });

  it('fails what is asked after its end', async () => {
    const images = await TrainingImages.open({ ...options, maxBytes: 0 });
    await images.close();
    await expect(images.read(['one.png'])).rejects.toThrow(/are closed/);
  });
});
