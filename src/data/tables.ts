/**
 * Tables too large for memory: CSV, JSON lines and Parquet, cut into slices of so many rows. One pass over the file finds where
 * the slices begin; each can then be read by itself, by any process.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { parse as parseNow } from 'csv-parse/sync';
import { messageOf, UserError } from '../core/index.js';
import { openParquet, readParquet } from './parquet.js';

/** How names of tables end, and what they are. */
const kinds = { csv: ['.csv', '.tsv'], jsonl: ['.jsonl', '.ndjson'], parquet: ['.parquet'] } as const;

export const tableEndings: string[] = Object.values(kinds).flat();

export type Row = Record<string, unknown>;

export interface TableSlice {
  /** Number of its first row, from 0. */
  first: number;
  rows: number;
  /** Bytes of a text (end exclusive); rows of a Parquet file. */
  start: number;
  end: number;
  /** Tells the slice from any other: SHA-256 of its text; size and rows of a Parquet file. */
  fingerprint: string;
}

export interface Table {
  path: string;
  kind: keyof typeof kinds;
  /** Of JSON lines: the names in the first row. */
  columns: string[];
  slices: TableSlice[];
}

/**
 * Finds the slices of a table. A text is read once, whole, but not kept.
 * @param rowsPerSlice rows of every slice but the last
 * @throws UserError for a file that cannot be read or holds no row
 */
export async function openTable(path: string, rowsPerSlice: number): Promise<Table> {
  const found = Object.entries(kinds).find(([, endings]) =>
    endings.some((ending) => path.toLowerCase().endsWith(ending)),
  );
  if (!found) {
    throw new UserError(`${path} is no table that can be read`, {
      hint: `names of tables end in ${tableEndings.join(', ')}`,
    });
  }
  const kind = found[0] as Table['kind'];
  const table =
    kind === 'parquet' ? await cutParquet(path, rowsPerSlice) : await cutText(path, kind, rowsPerSlice);
  if (table.slices.length === 0) throw new UserError(`${path} holds no row.`);
  return { path, kind, ...table };
}

async function cutParquet(path: string, rowsPerSlice: number): Promise<Pick<Table, 'columns' | 'slices'>> {
  const { rows, columns, file } = await openParquet(path);
  const slices: TableSlice[] = [];
  for (let first = 0; first < rows; first += rowsPerSlice) {
    const end = Math.min(rows, first + rowsPerSlice);
    const fingerprint = `${file.byteLength} bytes, ${rows} rows`;
    slices.push({ first, rows: end - first, start: first, end, fingerprint });
  }
  return { columns, slices };
}

const [FEED, RETURN, SPACE, TAB, QUOTE] = [...'\n\r \t"'].map((letter) => letter.charCodeAt(0));

/**
 * Cuts at line feeds; in CSV at those outside quotes, where a doubled quote toggles twice (RFC 4180). Blank lines are no
 * rows.
 */
async function cutText(
  path: string,
  kind: 'csv' | 'jsonl',
  rowsPerSlice: number,
): Promise<Pick<Table, 'columns' | 'slices'>> {
  const slices: TableSlice[] = [];
  let hash = createHash('sha256');
  let slice: Omit<TableSlice, 'fingerprint' | 'end'> | undefined;
  let head: Row | string[] | undefined;
  const opening: Buffer[] = []; // up to the end of the first record
  let [place, blank, quoted, rows] = [0, true, false, 0];

  const close = (end: number) => {
    if (slice) slices.push({ ...slice, end, fingerprint: hash.digest('hex') });
    slice = undefined;
    hash = createHash('sha256');
  };
  const openNext = (start: number) => (slice ??= { first: rows, rows: 0, start });
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
      let hashed = 0; // of the chunk
      if (head === undefined) opening.push(chunk);
      if (kind === 'jsonl' && place === 0) openNext(0);
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i];
        if (byte === QUOTE && kind === 'csv') quoted = !quoted;
        if (byte !== FEED || quoted) {
          if (byte !== FEED && byte !== RETURN && byte !== SPACE && byte !== TAB) blank = false;
          continue;
        }
        if (blank) continue;
        blank = true;
        const end = place + i + 1;
        if (head === undefined) {
          head = headOf(Buffer.concat(opening).subarray(0, end), path, kind);
          if (kind === 'csv') {
            hashed = i + 1;
            openNext(end);
            continue;
          }
        }
        rows++;
        if (++slice!.rows < rowsPerSlice) continue;
        hash.update(chunk.subarray(hashed, i + 1));
        hashed = i + 1;
        close(end);
        openNext(end);
      }
      hash.update(chunk.subarray(hashed));
      place += chunk.length;
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path} cannot be read: ${messageOf(error)}.`, { cause: error });
  }
  if (quoted) throw new UserError(`${path} is no CSV: a quote is not closed.`);
  // A last line without a line feed.
  if (!blank && head === undefined) {
    head = headOf(Buffer.concat(opening), path, kind);
    if (kind === 'csv') blank = true;
  }
  if (!blank) slice!.rows++;
  if (slice && slice.rows > 0) close(place);
  return { columns: head === undefined ? [] : Array.isArray(head) ? head : Object.keys(head), slices };
}

function headOf(bytes: Buffer, path: string, kind: 'csv' | 'jsonl'): Row | string[] {
  const text = new TextDecoder().decode(bytes);
  if (kind === 'jsonl') return jsonRow(text, path, 1);
  try {
    return (parseNow(text, csvOptions(path)) as string[][])[0];
  } catch (error) {
    throw new UserError(`${path} is no CSV: ${messageOf(error)}.`, { cause: error });
  }
}

const csvOptions = (path: string) => ({
  delimiter: path.toLowerCase().endsWith('.tsv') ? '\t' : ',',
  record_delimiter: ['\r\n', '\n'], // both may occur in one file
  trim: true,
  skip_empty_lines: true,
});

/**
 * Rows of a slice with their numbers, from 1; a header is none.
 * @throws UserError that names the row that cannot be read
 */
export async function* readRows(
  table: Table,
  slice: TableSlice,
): AsyncGenerator<{ number: number; row: Row }> {
  let number = slice.first;
  for await (const row of rowsOf(table, slice)) yield { number: ++number, row };
  if (number - slice.first !== slice.rows) {
    throw new UserError(`${table.path} has changed while it was read.`);
  }
}

async function* rowsOf({ path, kind, columns }: Table, slice: TableSlice): AsyncGenerator<Row> {
  const { first, start, end } = slice;
  if (kind === 'parquet') {
    yield* await readParquet(await openParquet(path), { start, end });
    return;
  }
  const text = createReadStream(path, { start, end: end - 1 });
  try {
    if (kind === 'csv') {
      const { parse } = await import('csv-parse');
      const parser = parse({ ...csvOptions(path), columns });
      text.on('error', (error) => parser.destroy(error)).pipe(parser);
      yield* parser as AsyncIterable<Row>;
      return;
    }
    let number = first;
    for await (const line of createInterface({ input: text, crlfDelay: Infinity })) {
      if (line.trim() !== '') yield jsonRow(line, path, ++number);
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    const rows = `rows ${first + 1} to ${first + slice.rows}`;
    throw new UserError(`${path}: ${rows} cannot be read: ${messageOf(error)}.`, { cause: error });
  } finally {
    text.destroy();
  }
}

function jsonRow(line: string, path: string, number: number): Row {
  let row: unknown;
  try {
    row = JSON.parse(line.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new UserError(`${path}: row ${number} is no JSON: ${messageOf(error)}.`, { cause: error });
  }
  if (typeof row === 'object' && row !== null && !Array.isArray(row)) return row as Row;
  throw new UserError(`${path}: row ${number} is ${line.slice(0, 40)}, not an object with names.`);
}
