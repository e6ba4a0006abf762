/** Files of captions, a row an image. They are whole only after `finish`. */
import { closeSync, fsyncSync, openSync, writeFileSync } from 'node:fs';
import { messageOf, sync, UserError } from '../../core/index.js';

export type RowFormat = 'jsonl' | 'parquet';

export interface CaptionRow {
  /** Names the image: what its files in a tar have in common, a path, or what a list says. */
  key: string;
  /** Null where there is an error. */
  caption: string | null;
  /** Natural logarithm; null where there is an error. */
  logProbability: number | null;
  /** Why there is no caption. */
  error: string | null;
}

export interface RowWriter {
  write(rows: readonly CaptionRow[]): void;
  /** Everything is on the disk when it returns. */
  finish(): void;
  /** Ends without writing more. */
  close(): void;
}

/** @throws UserError, also from the writer, where the file cannot be written */
export async function openRows(format: RowFormat, path: string): Promise<RowWriter> {
  // Loaded only where it is needed: other commands start faster.
  const library = format === 'parquet' ? await import('hyparquet-writer') : undefined;
  const explained = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw new UserError(`${path} cannot be written: ${messageOf(error)}.`, { cause: error });
    }
  };
  const writer = explained(() => (library ? parquet(path, library) : jsonLines(path)));
  return {
    write: (rows) => explained(() => writer.write(rows)),
    finish: () => explained(() => writer.finish()),
    close: () => writer.close(),
  };
}

function jsonLines(path: string): RowWriter {
  const file = openSync(path, 'wx');
  let open = true;
  const close = () => {
    if (open) closeSync(file);
    open = false;
  };
  return {
    write(rows) {
      const lines = rows.map(({ key, caption, logProbability, error }) =>
        JSON.stringify({ key, caption, logProbability, error }),
      );
      writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
    },
    finish() {
      fsyncSync(file);
      close();
    },
    close,
  };
}

/** Rows that wait in memory for their row group. */
const GROUP = 10_000;

function parquet(path: string, { fileWriter, ParquetWriter }: typeof import('hyparquet-writer')): RowWriter {
  const text = (name: string, repetition_type: 'REQUIRED' | 'OPTIONAL') =>
    ({ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type }) as const;
  const writer = new ParquetWriter({
    writer: fileWriter(path),
    schema: [
      { name: 'root', num_children: 4 },
      text('key', 'REQUIRED'),
      text('caption', 'OPTIONAL'),
      { name: 'log_probability', type: 'DOUBLE', repetition_type: 'OPTIONAL' },
      text('error', 'OPTIONAL'),
    ],
    createdBy: 'showtell',
  });
  let waiting: CaptionRow[] = [];
  const flush = () => {
    const columnData = [
      { name: 'key', data: waiting.map(({ key }) => key) },
      { name: 'caption', data: waiting.map(({ caption }) => caption) },
      { name: 'log_probability', data: waiting.map(({ logProbability }) => logProbability) },
      { name: 'error', data: waiting.map(({ error }) => error) },
    ];
    if (waiting.length > 0) void writer.write({ columnData, rowGroupSize: GROUP });
    waiting = [];
  };
  return {
    write(rows) {
      for (const row of rows) {
        waiting.push(row);
        if (waiting.length === GROUP) flush();
      }
    },
    finish() {
      flush();
      void writer.finish();
      sync(path);
    },
    close() {},
  };
}
