/**
 * Hugging Face's ImageFolder: `metadata.csv` or `metadata.jsonl` beside the images, with a column file_name and columns
 * of captions. The splits are its subfolders, under the names that the library `datasets` knows
 * (https://huggingface.co/docs/hub/datasets-file-names-and-splits); the metadata lies in each, or above them.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, UserError } from '../../core/index.js';
import { unreadableFolder } from '../image-folder.js';
import type { BadLine } from '../text-file.js';
import { csvRows, rowProblem } from './csv-rows.js';
import { addCaption, type CaptionReader, type CaptionsByImage, type SplitName } from './reader.js';

const METADATA = ['metadata.csv', 'metadata.jsonl'];

/** Names of the folder of a split. */
const folderNames: Record<SplitName, string[]> = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'val', 'dev'],
  test: ['test', 'testing', 'eval', 'evaluation'],
};

const CAPTION_COLUMN = /^(texts?|captions?|sentences?)([_-]?\d+)?$/i;

const splitOfFolder = new Map(
  Object.entries(folderNames).flatMap(([split, names]) => names.map((name) => [name, split as SplitName])),
);

export const imagefolder: CaptionReader = {
  accepted:
    'metadata.csv or metadata.jsonl with the column file_name and one or more columns text or caption (caption_1, ..), ' +
    'in JSON lines also a list of captions',
  read(text, file, bad) {
    const captions: CaptionsByImage = new Map();
    const splits = new Map<string, SplitName>();
    const take = (image: string, found: readonly string[]): string | undefined => {
      if (image === '') return 'the image name is empty';
      if (found.length === 0 || found.includes('')) return `the caption of ${image} is empty`;
      for (const caption of found) addCaption(captions, image, caption);
      const split = splitOfFolder.get(image.split('/')[0]);
      if (split !== undefined && image.includes('/')) splits.set(image, split);
      return undefined;
    };
    const hint = `Accepted (data.format: imagefolder): ${this.accepted}.`;
    if (file.endsWith('.jsonl')) readJsonLines(text, take, bad);
    else readCsv(text, file, take, bad, hint);
    return { captions, splits };
  },
};

type Take = (image: string, captions: readonly string[]) => string | undefined;

function readCsv(text: string, file: string, take: Take, bad: BadLine[], hint: string): void {
  const [head, ...rows] = csvRows(text, bad);
  const header = head?.record ?? [];
  const imageColumn = header.indexOf('file_name');
  const captionColumns = header.flatMap((name, i) => (CAPTION_COLUMN.test(name) ? [i] : []));
  if (imageColumn === -1 || captionColumns.length === 0) {
    throw new UserError(
      `${file}:1: no header with the column file_name and a column text or caption; it has ${header.join(', ') || 'none'}.`,
      { hint },
    );
  }
  for (const row of rows) {
    // Of several columns some may be empty: not every image has as many captions.
    const captions = captionColumns.map((i) => row.record[i] ?? '').filter((caption) => caption !== '');
    const why = rowProblem(row, header) ?? take(row.record[imageColumn], captions);
    if (why !== undefined) bad.push({ line: row.line, why });
  }
}

function readJsonLines(text: string, take: Take, bad: BadLine[]): void {
  text.split(/\r\n|\n|\r/).forEach((content, i) => {
    if (content.trim() === '') return;
    const why = takeLine(content, take);
    if (why !== undefined) bad.push({ line: i + 1, why });
  });
}

function takeLine(content: string, take: Take): string | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(content);
  } catch (error) {
    return `no JSON: ${messageOf(error)}`;
  }
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return 'no JSON object';
  const { file_name: image } = entry as Record<string, unknown>;
  if (image === undefined) return 'no file_name';
  if (typeof image !== 'string') return 'file_name is no text';
  const columns = Object.entries(entry as object).filter(([name]) => CAPTION_COLUMN.test(name));
  if (columns.length === 0) return 'no text or caption';
  const captions: string[] = [];
  for (const [name, value] of columns as [string, unknown][]) {
    if (value === null || value === '') continue;
    const list: unknown[] = Array.isArray(value) ? value : [value];
    for (const caption of list) {
      if (typeof caption !== 'string') return `${name} is neither a text nor a list of texts`;
      captions.push(caption.trim());
    }
  }
  return take(image.trim(), captions);
}

export interface MetadataFile {
  file: string;
  /** What its image names begin with, relative to the image folder; empty: they are whole. */
  prefix: string;
  /** Whose images it holds; undefined: the folders of the images say it. */
  split?: SplitName;
}

/**
 * The metadata below an image folder: one file for all, or one in the folder of each split.
 * @throws UserError where there is none, or it is not clear which
 */
export async function findMetadata(directory: string): Promise<MetadataFile[]> {
  const top = await namesIn(directory);
  const found: MetadataFile[] = [];
  const look = (names: readonly string[], folder: string, split?: SplitName) => {
    const here = METADATA.filter((name) => names.includes(name));
    if (here.length > 1) {
      throw new UserError(`${join(directory, folder)} holds both ${here.join(' and ')}.`, {
        hint: 'Leave the one that counts.',
      });
    }
    for (const name of here) {
      found.push({ file: join(directory, folder, name), prefix: folder === '' ? '' : `${folder}/`, split });
    }
  };
  look(top, '');
  for (const [split, folders] of Object.entries(folderNames) as [SplitName, string[]][]) {
    const present = folders.filter((name) => top.includes(name));
    if (present.length > 1) {
      throw new UserError(
        `${directory} holds more than one folder of the ${split} split: ${present.join(', ')}.`,
      );
    }
    for (const name of present) look(await namesIn(join(directory, name)).catch(() => []), name, split);
  }
  if (found.length > 1 && found[0].prefix === '') {
    throw new UserError(
      `There is metadata in ${directory} and in its subfolders: ${found.map(({ file }) => file).join(', ')}.`,
      {
        hint: 'One file for all images lies in data.images, or one a split in its subfolders; not both.',
      },
    );
  }
  if (found.length === 0) {
    throw new UserError(
      `${directory} holds no ${METADATA.join(' and no ')}, nor do its subfolders train, validation and test.`,
      {
        hint: `Accepted (data.format: imagefolder): ${imagefolder.accepted}.`,
      },
    );
  }
  return found;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    throw unreadableFolder(directory, error);
  }
}
