/** References and hypotheses from files of other tools. */
import { openParquet, readCaptions, readParquet, readTextFile } from '../data/index.js';
import { messageOf, UserError } from '../core/index.js';
import { isEvaluationFile } from './evaluation.js';
import { asResult, captionFilesOf, isErrorRow, refuseErrors } from './shard-captions.js';

/** Mistakes listed of one file. */
const LISTED = 10;

/** References by image; an image may be asked for by its id or by its file name. */
export interface References {
  /** by the image's id */
  captions: Map<string, string[]>;
  /** ids by file name, where the file has both */
  ids: Map<string, string>;
}

export interface Hypothesis {
  image: string;
  caption: string;
  logProbability?: number;
  finished?: boolean;
}

/**
 * References from COCO annotations (`.json`), a CSV with the columns image and caption (`.csv`, or a text file that begins
 * so), or lines name#n<TAB>caption.
 * @throws UserError that lists what cannot be read
 */
export async function readReferences(file: string): Promise<References> {
  if (file.toLowerCase().endsWith('.json')) return cocoReferences(await readJson(file, 'references'), file);
  const text = await readTextFile(file, 'references');
  const header = text.slice(0, 1000).split(/\r?\n/)[0].split(',');
  const csv = header.some((name) => name.trim().replace(/^"|"$/g, '') === 'caption');
  return { captions: await readCaptions(file, csv ? 'flickr-csv' : 'flickr-token'), ids: new Map() };
}

function cocoReferences(json: unknown, file: string): References {
  const { annotations, images } = (json ?? {}) as { annotations?: unknown; images?: unknown };
  if (!Array.isArray(annotations)) {
    throw new UserError(`${file} has no list "annotations".`, {
      hint: 'COCO annotations are {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}.',
    });
  }
  const captions = new Map<string, string[]>();
  collect(file, 'annotations', annotations, ({ image, caption }) => {
    const known = captions.get(image);
    if (known) known.push(caption);
    else captions.set(image, [caption]);
    return undefined;
  });
  if (captions.size === 0) throw new UserError(`${file} holds no reference.`);
  const ids = new Map<string, string>();
  for (const image of Array.isArray(images) ? (images as Record<string, unknown>[]) : []) {
    if (image && typeof image.file_name === 'string') ids.set(image.file_name, String(image.id));
  }
  return { captions, ids };
}

/**
 * Captions from COCO results (`[{"image_id", "caption"}]`), the same as JSON lines, what `evaluate --out` writes, or what
 * `caption --output` does: JSON lines, Parquet, or a folder of them.
 * @param withoutErrors leave out the rows that hold an error instead of a caption; default: they are refused
 * @throws UserError that lists what cannot be read
 */
export async function readHypotheses(file: string, withoutErrors = false): Promise<Hypothesis[]> {
  const all: unknown[] = [];
  for (const one of await captionFilesOf(file)) {
    for (const row of await readResults(one)) all.push(asResult(row));
  }
  if (!withoutErrors) refuseErrors(all, file);
  const list = all.filter((row) => !isErrorRow(row));
  const seen = new Set<string>();
  const hypotheses: Hypothesis[] = [];
  collect(file, 'captions', list, ({ image, caption, record }) => {
    if (seen.has(image)) return `image ${image} has a caption already`;
    seen.add(image);
    const { logProbability, finished } = record;
    hypotheses.push({
      image,
      caption,
      ...(typeof logProbability === 'number' && { logProbability }),
      ...(typeof finished === 'boolean' && { finished }),
    });
    return undefined;
  });
  if (hypotheses.length === 0) throw new UserError(`${file} holds no caption.`);
  return hypotheses;
}

async function readResults(file: string): Promise<unknown[]> {
  if (/\.parquet$/i.test(file)) return readParquet(await openParquet(file));
  const json = await readJson(file, 'hypotheses');
  if (isEvaluationFile(json)) return json.captions;
  if (Array.isArray(json)) return json as unknown[];
  // JSON lines, of which there is one.
  if (typeof json === 'object' && json !== null && ('caption' in json || 'error' in json)) return [json];
  throw new UserError(`${file} is no list of captions.`, {
    hint: 'COCO results are [{"image_id": .., "caption": ".."}, ..], as an array or one object a line.',
  });
}

type Entry = { image: string; caption: string; record: Record<string, unknown> };

/** Hands over every entry with an image and a caption; one error lists all others and what `take` objects to. */
function collect(
  file: string,
  what: string,
  list: unknown[],
  take: (entry: Entry) => string | undefined,
): void {
  const bad: string[] = [];
  list.forEach((record, i) => {
    const problem = problemOf(record);
    const why =
      problem ??
      take({
        image: String((record as Record<string, unknown>).image_id),
        caption: (record as Record<string, unknown>).caption as string,
        record: record as Record<string, unknown>,
      });
    if (why !== undefined) bad.push(`  ${file}: ${what}[${i}]: ${why}`);
  });
  if (bad.length === 0) return;
  const listed = bad.slice(0, LISTED);
  if (bad.length > LISTED) listed.push(`  and ${bad.length - LISTED} more`);
  throw new UserError(`${bad.length} of ${list.length} ${what} cannot be used:\n${listed.join('\n')}`);
}

function problemOf(record: unknown): string | undefined {
  if (typeof record !== 'object' || record === null) return `${JSON.stringify(record)} is no object`;
  const { image_id, caption } = record as Record<string, unknown>;
  if (typeof image_id !== 'string' && typeof image_id !== 'number') {
    return image_id === undefined
      ? 'no image_id'
      : `image_id is ${JSON.stringify(image_id)}, not a string or number`;
  }
  if (typeof caption !== 'string') {
    return caption === undefined ? 'no caption' : `caption is ${JSON.stringify(caption)}, not a string`;
  }
  return undefined;
}

/** A JSON file, or JSON lines: then a list. */
export async function readJson(file: string, what: string): Promise<unknown> {
  const text = await readTextFile(file, what);
  try {
    return JSON.parse(text);
  } catch (error) {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    if (lines.length < 2 || !lines[0].trimEnd().endsWith('}')) {
      throw new UserError(`${file} is no JSON: ${messageOf(error)}.`, { cause: error });
    }
    return lines.map((line, i) => {
      try {
        return JSON.parse(line) as unknown;
      } catch (lineError) {
        throw new UserError(`${file}: line ${i + 1} is no JSON: ${messageOf(lineError)}.`, {
          cause: lineError,
        });
      }
    });
  }
}
