/** Rows of CSV with the line each stands on; one broken row spoils no other. */
import { parse } from 'csv-parse/sync';
import { messageOf } from '../../core/index.js';
import type { BadLine } from '../text-file.js';

export interface CsvRow {
  record: string[];
  /** from 1 */
  line: number;
}

/**
 * All rows, the header included; fields are trimmed and hold no line break.
 * @param bad gets the lines that are no CSV
 */
export function csvRows(text: string, bad: BadLine[]): CsvRow[] {
  return parseWhole(text) ?? parseLines(text, bad);
}

/** Why a row does not fit its header. */
export function rowProblem({ record }: CsvRow, header: readonly string[]): string | undefined {
  return record.length === header.length
    ? undefined
    : `${record.length} fields where the header has ${header.length}`;
}

/** In one go; undefined when something is wrong, or a quoted field spans lines. */
function parseWhole(text: string): CsvRow[] | undefined {
  let spansLines = false;
  try {
    const rows = parse(text, {
      bom: true,
      // Not `info`, which keeps ten numbers a row.
      on_record(record: string[], { lines }) {
        spansLines ||= record.some((field) => /[\r\n]/.test(field));
        return { record, line: lines } as unknown as string[];
      },
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as CsvRow[];
    return spansLines ? undefined : rows;
  } catch {
    return undefined;
  }
}

/** Line by line: slower, but one open quote spoils one line only, and each mistake is found. */
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
