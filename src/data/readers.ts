/**
 * Caption files of Flickr8k and Flickr30k and their split lists. Every reader gives image name -> captions and
 * throws one UserError for all records it cannot parse, each with file and line.
 */
import { parse } from 'csv-parse/sync';
import type { DataConfig } from '../config/index.js';
import { messageOf, UserError } from '../core/index.js';
import { badLinesError, readTextFile, type BadLine } from './text-file.js';

export type CaptionsByImage = Map<string, string[]>;

interface CaptionReader {
  /** What a record looks like, for error messages. */
  accepted: string;
  /** @param bad gets the records that cannot be parsed */
  read(text: string, file: string, bad: BadLine[]): CaptionsByImage;
}

function add(captions: CaptionsByImage, image: string, caption: string): void {
  const known = captions.get(image);
  if (known) known.push(caption);
  else captions.set(image, [caption]);
}

/** A record's fields after trimming, or why they are none. */
function recordProblem(image: string, caption: string): string | undefined {
  if (image === '') return 'the image name is empty';
  if (caption === '') return `the caption of ${image} is empty`;
  return undefined;
}

type CsvRow = { record: string[]; line: number };

/** Rows of a CSV text in one go; undefined when something is wrong with it, or a quoted field spans lines. */
function parseWhole(text: string): CsvRow[] | undefined {
  try {
    const rows = parse(text, {
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    const spansLines = rows.some(({ record }) => record.some((field) => /[\r\n]/.test(field)));
    return spansLines ? undefined : rows.map(({ record, info }) => ({ record, line: info.lines }));
  } catch {
    return undefined;
  }
}

/** Rows line by line: slower, but one open quote spoils one line only, and each mistake is found. */
function parseLines(text: string, bad: BadLine[]): CsvRow[] {
  const rows: CsvRow[] = [];
  text.split(/\r\n|\n|\r/).forEach((content, i) => {
    if (content.trim() === '') return;
    try {
      const [record] = parse(content, { bom: true, relax_column_count: true, trim: true }) as string[][];
      rows.push({ record, line: i + 1 });
    } catch (error) {
      bad.push({ line: i + 1, why: messageOf(error).replace(/ (at|on) line \d+.*/, '') });
    }
  });
  return rows;
}

/** CSV with a header that has the columns `image` and `caption`, in any order among others. */
const flickrCsv: CaptionReader = {
  accepted:
    'CSV with the header image,caption and one record a line; a caption with a comma stands in double quotes',
  read(text, file, bad) {
    const rows = parseWhole(text) ?? parseLines(text, bad);
    const header = rows[0]?.record ?? [];
    const imageColumn = header.indexOf('image');
    const captionColumn = header.indexOf('caption');
    if (imageColumn === -1 || captionColumn === -1) {
      throw new UserError(`${file}:1: no header with the columns image and caption.`, {
        hint: `Accepted: ${this.accepted}. For lines name#n<TAB>caption set data.format: flickr-token.`,
      });
    }
    const captions: CaptionsByImage = new Map();
    for (const { record, line } of rows.slice(1)) {
      const image = record[imageColumn] ?? '';
      const caption = record[captionColumn] ?? '';
      const problem =
        record.length !== header.length
          ? `${record.length} fields where the header has ${header.length}`
          : recordProblem(image, caption);
      if (problem) bad.push({ line, why: problem });
      else add(captions, image, caption);
    }
    return captions;
  },
};

/** `name#n<TAB>caption`, n the number of the caption. */
const flickrToken: CaptionReader = {
  accepted: 'lines name#n<TAB>caption',
  read(text, _file, bad) {
    const captions: CaptionsByImage = new Map();
    text.split(/\r\n|\n|\r/).forEach((content, i) => {
      if (content.trim() === '') return;
      const record = /^(.*)#\d+\t(.*)$/.exec(content);
      const problem = record
        ? recordProblem(record[1].trim(), record[2].trim())
        : content.includes('\t')
          ? 'no #n after the image name'
          : 'no tab between name#n and the caption';
      if (record && !problem) add(captions, record[1].trim(), record[2].trim());
      else bad.push({ line: i + 1, why: problem ?? '' });
    });
    return captions;
  },
};

export const captionReaders: Record<DataConfig['format'], CaptionReader> = {
  'flickr-csv': flickrCsv,
  'flickr-token': flickrToken,
};

/** All captions of a file, by image, in the file's order. */
export async function readCaptions(file: string, format: DataConfig['format']): Promise<CaptionsByImage> {
  const reader = captionReaders[format];
  const text = await readTextFile(file, 'captions file');
  const bad: BadLine[] = [];
  const captions = reader.read(text, file, bad);
  if (bad.length > 0) {
    bad.sort((a, b) => a.line - b.line);
    throw badLinesError(
      file,
      bad,
      'records of the captions file cannot be read',
      `Accepted (data.format: ${format}): ${reader.accepted}.`,
    );
  }
  if (captions.size === 0) {
    throw new UserError(`The captions file ${file} holds no caption.`, {
      hint: `Accepted (data.format: ${format}): ${reader.accepted}.`,
    });
  }
  return captions;
}

/** The names of a split list with the line each stands on, repetitions included. */
export async function readSplitList(file: string): Promise<{ image: string; line: number }[]> {
  const text = await readTextFile(file, 'split list');
  const names = text
    .split(/\r\n|\n|\r/)
    .map((content, i) => ({ image: content.trim(), line: i + 1 }))
    .filter(({ image }) => image !== '');
  if (names.length === 0) {
    throw new UserError(`The split list ${file} names no image.`, {
      hint: 'It lists one image name a line.',
    });
  }
  return names;
}
