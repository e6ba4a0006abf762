/** Writes drawn scenes as a data set of Flickr8k's form, which the ordinary pipeline reads. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { drawScene } from './drawing.js';
import { makeScene, SPLITS } from './scenes.js';
import type { SplitName } from './scenes.js';
import { captionsOf } from './wording.js';

export interface SceneCounts {
  /** Scenes of each split. */
  train: number;
  validation: number;
  test: number;
  seed: number;
}

const IN_FLIGHT = 16; // images encoded at a time

/** The file name of a scene. */
export function sceneName(split: SplitName, index: number): string {
  return `${split}-${String(index).padStart(4, '0')}.png`;
}

/** Makes `images/*.png`, `captions.txt` (CSV), `train.txt`, `validation.txt` and `test.txt` in `directory`. */
export async function writeScenes(directory: string, counts: SceneCounts): Promise<void> {
  const images = join(directory, 'images');
  mkdirSync(images, { recursive: true });
  const captions = ['image,caption'];
  const drawings: { path: string; svg: string }[] = [];
  for (const split of SPLITS) {
    const names = Array.from({ length: counts[split] }, (_, index) => sceneName(split, index));
    names.forEach((name, index) => {
      const scene = makeScene(counts.seed, split, index);
      captions.push(...captionsOf(scene).map((caption) => `${name},"${caption}"`));
      drawings.push({ path: join(images, name), svg: drawScene(scene) });
    });
    writeFileSync(join(directory, `${split}.txt`), names.map((name) => `${name}\n`).join(''));
  }
  for (let start = 0; start < drawings.length; start += IN_FLIGHT) {
    await Promise.all(drawings.slice(start, start + IN_FLIGHT).map(({ path, svg }) => writePng(svg, path)));
  }
  writeFileSync(join(directory, 'captions.txt'), `${captions.join('\n')}\n`);
}

/** Lightly compressed: the files are read once a training, and writing them is what takes time. */
async function writePng(svg: string, path: string): Promise<void> {
  await sharp(Buffer.from(svg))
    .removeAlpha()
    .png({ compressionLevel: 1, adaptiveFiltering: false })
    .toFile(path);
}
