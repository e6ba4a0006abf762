/** Captions as `caption --input ... --output ...` writes them: files of rows, JSON lines or Parquet, in a folder. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { glob } from 'tinyglobby';
import { UserError } from '../core/index.js';

/** The files of captions that a path stands for: itself, or those of a folder, but for empty ones. */
export async function captionFilesOf(path: string): Promise<string[]> {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  const names = await glob('**/*.{jsonl,parquet}', { cwd: path, expandDirectories: false });
  // Those that begin with "_" are notes, not captions.
  const files = names.filter((name) => !name.split('/').some((part) => part.startsWith('_'))).sort();
  if (files.length === 0) {
    throw new UserError(`the folder ${path} holds no captions`, {
      hint: 'looked for names that end in .jsonl or .parquet',
    });
  }
  return files.map((name) => join(path, name)).filter((file) => statSync(file).size > 0);
}

/** A row as a COCO result: its key is the image_id, its log_probability the logProbability. */
export function asResult(row: unknown): unknown {
  if (typeof row !== 'object' || row === null) return row;
  const { key, log_probability, ...rest } = row as Record<string, unknown>;
  return {
    ...rest,
    ...(key !== undefined && { image_id: key }),
    ...(log_probability !== undefined && { logProbability: log_probability }),
  };
}

interface ErrorRow {
  image_id?: unknown;
  error: string;
}

/** Whether a row says why there is no caption. */
export function isErrorRow(row: unknown): row is ErrorRow {
  return typeof row === 'object' && row !== null && typeof (row as { error?: unknown }).error === 'string';
}

/** @throws UserError for rows with an error */
export function refuseErrors(rows: readonly unknown[], path: string): void {
  const errors = rows.filter(isErrorRow);
  if (errors.length === 0) return;
  const shown = errors.slice(0, 3).map(({ image_id, error }) => `  ${String(image_id)}: ${error}`);
  if (errors.length > 3) shown.push(`  and ${errors.length - 3} more`);
  throw new UserError(
    `${errors.length} of ${rows.length} rows of ${path} hold an error instead of a caption:\n${shown.join('\n')}`,
    { hint: '--only-captioned leaves them out, and says so.' },
  );
}
