/**
 * Rows of Parquet files, by hyparquet, which is loaded where it is needed: commands without Parquet start faster.
 * Snappy is its own; what Node can unpack is added.
 */
import * as zlib from 'node:zlib';
import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet';
import { messageOf, UserError } from '../core/index.js';

const compressors: Compressors = {
  GZIP: (packed) => zlib.gunzipSync(packed),
  BROTLI: (packed) => zlib.brotliDecompressSync(packed),
  // Node has it since 22.15.
  ...('zstdDecompressSync' in zlib && {
    ZSTD: zlib.zstdDecompressSync as (packed: Uint8Array) => Uint8Array,
  }),
};

export interface ParquetFile {
  path: string;
  rows: number;
  /** Names of the columns, in order. */
  columns: string[];
  file: AsyncBuffer;
  metadata: FileMetaData;
}

/** Reads the footer only. @throws UserError for a file that is no Parquet, or damaged */
export async function openParquet(path: string): Promise<ParquetFile> {
  return explained(path, async () => {
    const { asyncBufferFromFile, parquetMetadataAsync, parquetSchema } = await import('hyparquet');
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
    return { path, rows: Number(metadata.num_rows), columns, file, metadata };
  });
}

/**
 * Rows `start` to `end` (exclusive), 0-based; all unless given.
 * @throws UserError for damaged data, or a compression that nothing here unpacks
 */
export async function readParquet(
  { path, file, metadata }: ParquetFile,
  { start, end, columns }: { start?: number; end?: number; columns?: string[] } = {},
): Promise<Record<string, unknown>[]> {
  return explained(path, async () => {
    const { parquetReadObjects } = await import('hyparquet');
    return parquetReadObjects({
      ...{ file, metadata, compressors, columns, rowStart: start, rowEnd: end },
      useOffsetIndex: true, // only the pages of the rows that are asked for
    });
  });
}

async function explained<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const unpacked = ['snappy', ...Object.keys(compressors).map((name) => name.toLowerCase())].join(', ');
    throw new UserError(`${path} cannot be read as Parquet: ${messageOf(error)}.`, {
      hint: /compression codec/.test(messageOf(error))
        ? `Compressions that are read: none, ${unpacked}.`
        : undefined,
      cause: error,
    });
  }
}
