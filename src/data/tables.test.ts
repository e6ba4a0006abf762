import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { parquetWriteFile } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../core/index.js';
import { openTable, readRows, type Row } from './tables.js';

let directory: string;
const write = (name: string, content: string | Uint8Array) => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};

beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'showtell-tables-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** All rows, slice by slice, the last slice first: each is read by itself. */
async function readSlices(path: string, rowsPerSlice: number): Promise<{ number: number; row: Row }[][]> {
  const table = await openTable(path, rowsPerSlice);
  const read: { number: number; row: Row }[][] = [];
  for (const slice of [...table.slices].reverse()) {
    const rows: { number: number; row: Row }[] = [];
    for await (const row of readRows(table, slice)) rows.push(row);
    expect(rows).toHaveLength(slice.rows);
    read.unshift(rows);
  }
  return read;
}

/** More than the buffers that a file is read through, with all that makes cutting hard. */
function randomCsv(): string {
  const random = Random.from('tables');
  const odd = ['a', 'ö', '""', ',', '\n', '\r\n', ' x '];
  const field = () => {
    const text = Array.from({ length: random.integer(6) }, () => random.pick(odd)).join('');
    return `"${text}${'x'.repeat(random.integer(400))}"`;
  };
  const lines = Array.from({ length: 12_000 }, (_, i) => `${i},${field()}${random.integer(9) ? '' : '\r'}`);
  return `\uFEFFkey,path\n${lines.join('\n')}`;
}

describe('tables', () => {
  it('cut CSV where its records end: the slices are what the whole is', async () => {
    const text = randomCsv();
    expect(Buffer.byteLength(text)).toBeGreaterThan(2 ** 21);
    const expected = parse(text, {
      bom: true,
      columns: true,
      trim: true,
      record_delimiter: ['\r\n', '\n'],
    }) as Row[];
    const slices = await readSlices(write('random.csv', text), 1000);
    expect(slices.map(({ length }) => length)).toEqual(Array(12).fill(1000));
    expect(slices.flat().map(({ row }) => row)).toEqual(expected);
    expect(slices.flat().map(({ number }) => number)).toEqual(expected.map((_, i) => i + 1));
  });

  it.each([
    ['with a last line feed', '{"a": 1}\n{"a": 2}\n{"a": 3}\n'],
    ['without one', '{"a": 1}\n{"a": 2}\n{"a": 3}'],
    ['with blank lines and a mark', '\uFEFF{"a": 1}\r\n\r\n{"a": 2}\n \n{"a": 3}\n\n'],
  ])('cut JSON lines %s', async (_, text) => {
    const slices = await readSlices(write('lines.jsonl', text), 2);
    expect(slices.map((rows) => rows.map(({ row }) => row.a))).toEqual([[1, 2], [3]]);
  });

  it('cut Parquet by rows, across its row groups', async () => {
    const names = Array.from({ length: 25 }, (_, i) => `${i}.jpg`);
    const filename = join(directory, 'list.parquet');
    parquetWriteFile({ filename, columnData: [{ name: 'path', data: names }], rowGroupSize: 7 });
    const slices = await readSlices(filename, 10);
    expect(slices.map(({ length }) => length)).toEqual([10, 10, 5]);
    expect(slices.flat().map(({ row }) => row.path)).toEqual(names);
  });

  it('tell a slice that has changed from one that has not', async () => {
    const path = write('grows.jsonl', '{"a": 1}\n{"a": 2}\n{"a": 3}\n');
    const before = (await openTable(path, 2)).slices;
    appendFileSync(path, '{"a": 4}\n');
    const after = (await openTable(path, 2)).slices;
    expect(after[0]).toEqual(before[0]);
    expect(after[1].fingerprint).not.toBe(before[1].fingerprint);
  });

  it.each<[string, string, string, RegExp]>([
    ['nothing', 'a.csv', '', /holds no row/],
    ['a header only', 'a.csv', 'path\n', /holds no row/],
    ['an open quote', 'a.csv', 'path\n"a\nb\n', /a quote is not closed/],
    [
      'a row of another length',
      'a.csv',
      'path\na,b\n',
      /rows 1 to 1 cannot be read: .*Invalid Record Length/,
    ],
    ['no JSON', 'a.jsonl', '{"a": 1}\n{"a": \n', /row 2 is no JSON/],
    ['no object', 'a.jsonl', '{"a": 1}\n[1]\n', /row 2 is \[1\], not an object/],
    ['no Parquet', 'a.parquet', 'PAR1 no', /cannot be read as Parquet/],
    ['another kind', 'a.xlsx', 'x', /is no table.*/],
  ])('refuse %s', async (_, name, text, message) => {
    await expect(readSlices(write(name, text), 10)).rejects.toThrow(message);
  });
});
