/** The readers of captions by the name of their format, and what they share. */
import type { DataConfig } from '../../config/index.js';
import { UserError } from '../../core/index.js';
import { badLinesError, readTextFile, type BadLine } from '../text-file.js';
import { cocoAnnotations } from './coco-annotations.js';
import { flickrCsv } from './flickr-csv.js';
import { flickrToken } from './flickr-token.js';
import { imagefolder } from './imagefolder.js';
import { karpathyJson } from './karpathy-json.js';
import type { CaptionReader, CaptionRecords, CaptionsByImage } from './reader.js';

export const captionReaders: Record<DataConfig['format'], CaptionReader> = {
  'flickr-csv': flickrCsv,
  'flickr-token': flickrToken,
  'karpathy-json': karpathyJson,
  'coco-annotations': cocoAnnotations,
  imagefolder,
};

/** All records of a file. @throws one UserError for everything in it that cannot be read, each with its line */
export async function readRecords(file: string, format: DataConfig['format']): Promise<CaptionRecords> {
  const reader = captionReaders[format];
  const text = await readTextFile(file, 'captions file');
  const bad: BadLine[] = [];
  const records = reader.read(text, file, bad);
  const hint = `Accepted (data.format: ${format}): ${reader.accepted}.`;
  if (bad.length > 0) {
    bad.sort((a, b) => a.line - b.line);
    throw badLinesError(file, bad, 'records of the captions file cannot be read', hint);
  }
  if (records.captions.size === 0) {
    throw new UserError(`The captions file ${file} holds no caption.`, { hint });
  }
  return records;
}

/** All captions of a file, by image, in the file's order. */
export async function readCaptions(file: string, format: DataConfig['format']): Promise<CaptionsByImage> {
  return (await readRecords(file, format)).captions;
}
