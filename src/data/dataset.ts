/** A captioned data set: captions, cut into splits, checked against the image folder. */
import type { DataConfig } from '../config/index.js';
import { UserError, type Log } from '../core/index.js';
import { ImageFolder } from './image-folder.js';
import { openCaptions, type CaptionedImage, type SplitName } from './readers/index.js';
import { checkShared } from './shared-images.js';

export type { CaptionedImage, SplitName };

export interface Dataset {
  train: CaptionedImage[];
  validation: CaptionedImage[];
  test?: CaptionedImage[];
}

/** Reads all splits there are. @throws UserError where splits share images, unless the config lets them */
export async function readDataset(config: DataConfig, log: Log): Promise<Dataset> {
  return (await readSplits(config, log)).dataset;
}

/** As `readDataset`, with the images that the lists name but whose file is not there. */
export async function readSplits(
  config: DataConfig,
  log: Log,
): Promise<{ dataset: Dataset; missing: string[] }> {
  const source = await openCaptions(config);
  const files = await ImageFolder.open(config.images);
  const missing: string[] = [];
  const read = async (name: SplitName) => {
    const listed = await source.split(name, log);
    const kept = present(listed, name, config, files, log);
    if (kept.length < listed.length) {
      const known = new Set(kept);
      missing.push(...listed.filter((item) => !known.has(item)).map(({ image }) => image));
    }
    return kept;
  };
  const dataset: Dataset = { train: await read('train'), validation: await read('validation') };
  if ((await source.splits()).includes('test')) dataset.test = await read('test');
  await checkShared(dataset, config, log);
  return { dataset, missing };
}

/** Reads one split alone; the lists of the others need not exist. */
export async function readSplit(config: DataConfig, split: SplitName, log: Log): Promise<CaptionedImage[]> {
  const source = await openCaptions(config);
  const files = await ImageFolder.open(config.images);
  return present(await source.split(split, log), split, config, files, log);
}

/** The images whose file exists; what happens to the others is the config's choice. */
function present(
  listed: CaptionedImage[],
  split: SplitName,
  config: DataConfig,
  files: ImageFolder,
  log: Log,
): CaptionedImage[] {
  const present = listed.filter(({ image }) => files.has(image));
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
