/** The text files that a corpus is made of: whether they are still what they were. */
import { statSync, type Stats } from 'node:fs';
import { resolve } from 'node:path';
import { sha256Of } from '../../core/index.js';

export interface TextFile {
  /** absolute */
  path: string;
  /** bytes */
  size: number;
  /** of the last change, milliseconds */
  mtimeMs: number;
  /** the same, which no program can set */
  ctimeMs: number;
  sha256: string;
}

/** @throws UserError for a file that cannot be read */
export async function describeFiles(paths: readonly string[]): Promise<TextFile[]> {
  const files: TextFile[] = [];
  for (const path of paths.map((each) => resolve(each))) {
    // In this order: a file that changes meanwhile has another time than the one that is kept.
    const { size = -1, mtimeMs = -1, ctimeMs = -1 } = statOf(path) ?? {};
    files.push({ path, size, mtimeMs, ctimeMs, sha256: await sha256Of(path) });
  }
  return files;
}

/** Of a file that was only touched or copied, the content decides. */
export async function filesAreSame(known: readonly TextFile[], paths: readonly string[]): Promise<boolean> {
  if (known.length !== paths.length) return false;
  for (const [i, { path, size, mtimeMs, ctimeMs, sha256 }] of known.entries()) {
    if (path !== resolve(paths[i])) return false;
    const stat = statOf(path);
    if (stat?.size !== size) return false;
    const untouched = stat.mtimeMs === mtimeMs && stat.ctimeMs === ctimeMs;
    if (!untouched && (await sha256Of(path)) !== sha256) return false;
  }
  return true;
}

/** Undefined where there can be none, as behind links in a circle: who reads the file says so. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
