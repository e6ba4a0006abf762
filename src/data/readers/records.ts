/** The readers of captions by the name of their format, and what they share. */
import type { DataConfig } from '../../config/index.js';
import { UserError } from '../../core/index.js';
import { badLinesError, readTextFile, readTextPieces, type BadLine } from '../text-file.js';
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

/**
 * All records of a file.
 * @param piece bytes of a file that are read at a time, where its records are lines
 * @throws one UserError for everything in it that cannot be read, each with its line
 */
export async function readRecords(
  file: string,
  format: DataConfig['format'],
  piece?: number,
): Promise<CaptionRecords> {
  const reader = captionReaders[format];
  const bad: BadLine[] = [];
  const records = reader.lines
    ? await readLines(reader, file, bad, piece)
    : reader.read(await readTextFile(file, 'captions file'), file, bad);
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

/** Piece by piece, each behind the header that the first one begins with. */
async function readLines(
  reader: CaptionReader,
  file: string,
  bad: BadLine[],
  piece: number | undefined,
): Promise<CaptionRecords> {
  let captions: CaptionsByImage | undefined;
  let header = '';
  for await (const { text, linesBefore } of readTextPieces(file, 'captions file', piece)) {
    const own: BadLine[] = [];
    const records = reader.read(header + text, file, own);
    const before = header === '' ? linesBefore : linesBefore - 1;
    for (const { line, why } of own) bad.push({ line: before + line, why });
    if (captions === undefined) {
      captions = records.captions;
      if (reader.lines === 'with header') header = /^[^\r\n]*(\r\n|\n|\r|$)/.exec(text)![0];
      continue;
    }
    for (const [image, texts] of records.captions) {
      const known = captions.get(image);
      if (known) known.push(...texts);
      else captions.set(image, texts);
    }
  }
  return { captions: captions ?? new Map<string, string[]>() };
}

/** All captions of a file, by image, in the file's order. */
export async function readCaptions(file: string, format: DataConfig['format']): Promise<CaptionsByImage> {
  return (await readRecords(file, format)).captions;
}
