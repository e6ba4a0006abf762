/** A captioned data set: the captions file, cut into splits by their lists, checked against the image folder. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataConfig } from '../config/index.js';
import { messageOf, UserError, type Log } from '../core/index.js';
import { readCaptions, readSplitList, type CaptionsByImage } from './readers.js';
import { checkShared } from './shared-images.js';
import { badLinesError } from './text-file.js';

export type SplitName = 'train' | 'validation' | 'test';

export interface CaptionedImage {
  /** file name relative to the image folder */
  image: string;
  captions: string[];
}

export interface Dataset {
  train: CaptionedImage[];
  validation: CaptionedImage[];
  test?: CaptionedImage[];
}

/** Reads all splits that the config names. @throws UserError where splits share images, unless the config lets them */
export async function readDataset(config: DataConfig, log: Log): Promise<Dataset> {
  const source = await openSource(config);
  const dataset: Dataset = {
    train: await source.split('train', log),
    validation: await source.split('validation', log),
  };
  if (config.splits.test !== undefined) dataset.test = await source.split('test', log);
  await checkShared(dataset, config, log);
  return dataset;
}

/** Reads one split alone; the lists of the others need not exist. */
export async function readSplit(config: DataConfig, split: SplitName, log: Log): Promise<CaptionedImage[]> {
  return (await openSource(config)).split(split, log);
}

async function openSource(config: DataConfig) {
  const captions = await readCaptions(config.captions, config.format);
  const onDisk = await imageNames(config.images);
  return {
    async split(name: SplitName, log: Log): Promise<CaptionedImage[]> {
      const file = config.splits[name];
      if (file === undefined) {
        throw new UserError(`The config names no ${name} split.`, {
          hint: `Set data.splits.${name} to a file that lists one image name a line.`,
        });
      }
      const listed = await readListedImages(file, config, captions, log);
      return presentImages(listed, name, config, onDisk, log);
    },
  };
}

async function imageNames(directory: string): Promise<Set<string>> {
  try {
    return new Set(await readdir(directory));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UserError(
      `The image folder ${directory} ${missing ? 'does not exist' : `cannot be read: ${messageOf(error)}`}.`,
      { hint: 'Set data.images to the folder that holds the image files.', cause: error },
    );
  }
}

/** The images of a split list with their captions, each once. */
async function readListedImages(
  file: string,
  config: DataConfig,
  captions: CaptionsByImage,
  log: Log,
): Promise<CaptionedImage[]> {
  const names = await readSplitList(file);
  const withoutCaptions = names.filter(({ image }) => !captions.has(image));
  if (withoutCaptions.length > 0) {
    throw badLinesError(
      file,
      withoutCaptions.map(({ image, line }) => ({ line, why: `${image} has no caption` })),
      `of ${names.length} images of the split list have no caption in ${config.captions}`,
      'List only images of the captions file, one name a line, spelt as there.',
    );
  }
  const first = new Map<string, number>();
  const repeated = names.filter(({ image, line }) => {
    if (first.has(image)) return true;
    first.set(image, line);
    return false;
  });
  if (repeated.length > 0) {
    const { image, line } = repeated[0];
    log.warn(
      `${file}: ${repeated.length} names are listed again and counted once ` +
        `(${image} in lines ${first.get(image)} and ${line}).`,
    );
  }
  return [...first.keys()].map((image) => ({ image, captions: captions.get(image) ?? [] }));
}

/** The images whose file exists; what happens to the others is the config's choice. */
function presentImages(
  listed: CaptionedImage[],
  split: SplitName,
  config: DataConfig,
  onDisk: ReadonlySet<string>,
  log: Log,
): CaptionedImage[] {
  // A name in a subfolder, or in another case on a file system that ignores case, is not in the folder's listing.
  const isPresent = ({ image }: CaptionedImage) =>
    onDisk.has(image) || existsSync(join(config.images, image));
  const present = listed.filter(isPresent);
  if (present.length === listed.length) return listed;
  const kept = new Set(present);
  const missing = listed.filter((item) => !kept.has(item));
  const shown = missing.slice(0, 10).map(({ image }) => image);
  if (missing.length > shown.length) shown.push(`and ${missing.length - shown.length} more`);
  const message =
    `${missing.length} of ${listed.length} images of the ${split} split are not in ${config.images}: ` +
    shown.join(', ');
  if (config.onBadImage === 'error' || present.length === 0) {
    throw new UserError(`${message}.`, {
      hint:
        present.length === 0
          ? 'Set data.images to the folder that holds the image files.'
          : 'Add the files, or set data.onBadImage: skip to leave these images out.',
    });
  }
  log.warn(`${message}. They are left out.`);
  return present;
}
