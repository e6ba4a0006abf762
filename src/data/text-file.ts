/** Text files that people hand in: read whole, UTF-8 only, every mistake with file and line. */
import { constants } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { messageOf, UserError } from '../core/index.js';

/** Listed mistakes beyond these are only counted. */
const LISTED = 10;

/** A line that holds a mistake; numbered from 1. */
export interface BadLine {
  line: number;
  why: string;
}

/** One error for all bad lines of a file. */
export function badLinesError(file: string, bad: readonly BadLine[], what: string, hint: string): UserError {
  const listed = bad.slice(0, LISTED).map(({ line, why }) => `  ${file}:${line}: ${why}`);
  if (bad.length > LISTED) listed.push(`  and ${bad.length - LISTED} more`);
  return new UserError(`${bad.length} ${what}:\n${listed.join('\n')}`, { hint });
}

/**
 * The text of a UTF-8 file, without a byte order mark.
 *
 * @param what what the file is to be, for error messages: "captions file"
 * @param longest bytes at most: as many as a text of Node may have, about 512 MiB
 */
export async function readTextFile(
  path: string,
  what: string,
  longest = constants.MAX_STRING_LENGTH,
): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder' : messageOf(error);
    throw new UserError(`The ${what} ${path} ${code === 'EACCES' ? 'cannot be read: ' : ''}${why}.`, {
      hint: 'Check the path; relative paths are relative to the working directory.',
      cause: error,
    });
  }
  if (bytes.length === 0) throw new UserError(`The ${what} ${path} is empty.`);
  if (bytes.length > longest) {
    throw new UserError(
      `The ${what} ${path} has ${bytes.length} bytes; at most ${longest} can be read, for it becomes one text.`,
      { hint: 'Cut it into one file for each split, or leave captions out.' },
    );
  }
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (utf16) {
    throw new UserError(`The ${what} ${path} is UTF-16; UTF-8 is read.`, {
      hint: `iconv -f utf-16 -t utf-8 ${path} > converted.txt`,
    });
  }
  const nul = bytes.indexOf(0);
  if (nul !== -1) {
    throw new UserError(`The ${what} ${path} is no text file: it holds a NUL byte at offset ${nul}.`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UserError(
      `${path}:${invalidLines(bytes).next().value}: not UTF-8. The ${what} must be UTF-8 text.`,
      {
        hint: `If it is Latin-1: iconv -f latin1 -t utf-8 ${path} > converted.txt`,
        cause: error,
      },
    );
  }
}

/** The lines of a file that are not UTF-8, numbered from 1. Line feeds are never part of a longer UTF-8 sequence. */
export function* invalidLines(bytes: Buffer): Generator<number> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (let start = 0, line = 1; start < bytes.length; line++) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed === -1 ? bytes.length : feed;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      yield line;
    }
    start = end + 1;
  }
}
