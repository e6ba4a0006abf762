/** A data set small enough to learn by heart in seconds: plain coloured squares and what they show. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { configSchema, type Config, type ConfigInput } from '../src/config/index.js';

const colours: Record<string, [number, number, number]> = {
  red: [220, 30, 30],
  green: [30, 180, 40],
  blue: [30, 60, 220],
  yellow: [230, 220, 40],
};

/** Writes images, captions and split lists to `directory`; every image is in both splits' order of colour. */
export async function writeTinyDataset(directory: string): Promise<void> {
  mkdirSync(join(directory, 'images'), { recursive: true });
  const captions = ['image,caption'];
  const names: string[] = [];
  for (const [colour, [r, g, b]] of Object.entries(colours)) {
    for (const size of ['dark', 'bright']) {
      const name = `${size}-${colour}.png`;
      const scale = size === 'dark' ? 0.5 : 1;
      const background = { r: r * scale, g: g * scale, b: b * scale };
      const image = sharp({ create: { width: 32, height: 32, channels: 3, background } });
      await image.png().toFile(join(directory, 'images', name));
      names.push(name);
      captions.push(`${name},A ${size} ${colour} square .`, `${name},"The square, it is ${size} ${colour}"`);
    }
  }
  writeFileSync(join(directory, 'captions.txt'), `${captions.join('\n')}\n`);
  writeFileSync(join(directory, 'train.txt'), `${names.join('\n')}\n`);
  writeFileSync(join(directory, 'validation.txt'), `${names.slice(0, 4).join('\n')}\n`);
}

/** A configuration that learns {@link writeTinyDataset}; `changes` replace whole top-level keys. */
export function tinyConfig(directory: string, changes: Partial<ConfigInput> = {}): Config {
  return configSchema.parse({
    name: 'tiny',
    output: join(directory, 'out'),
    data: {
      format: 'flickr-csv',
      captions: join(directory, 'captions.txt'),
      images: join(directory, 'images'),
      splits: { train: join(directory, 'train.txt'), validation: join(directory, 'validation.txt') },
      onSharedImages: 'warn', // it is to be learnt by heart
    },
    text: { minCount: 1 },
    image: { resize: [32, 32], crop: null },
    encoder: { name: 'small_cnn', train: 'all' },
    decoder: { type: 'soft-attention', embedding: 16, hidden: 24, attention: 16, dropout: 0.1 },
    training: { epochs: 2, batchSize: 4, learningRate: 0.005, logEvery: 2 },
    ...changes,
  } satisfies ConfigInput);
}
