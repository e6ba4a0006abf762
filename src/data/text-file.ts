/** Text files that people hand in: read whole, UTF-8 only, every mistake with file and line. */
import { constants } from 'node:buffer';
import { open, readFile } from 'node:fs/promises';
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
    throw unreadable(path, what, error);
  }
  if (bytes.length > longest) {
    throw new UserError(
      `The ${what} ${path} has ${bytes.length} bytes; at most ${longest} can be read, for it becomes one text.`,
      { hint: 'Cut it into one file for each split, or leave captions out.' },
    );
  }
  return decodeText(bytes, path, what, beginning);
}

/** Bytes of a piece of a text that is read in pieces. */
const PIECE = 64 * 2 ** 20;

/** What lies before a piece of a text. */
interface Before {
  bytes: number;
  lines: number;
}

const beginning: Before = { bytes: 0, lines: 0 };

/**
 * As `readTextFile`, of any length, in pieces of whole lines with the number of lines before them.
 * @param size bytes of a piece, about
 */
export async function* readTextPieces(
  path: string,
  what: string,
  size = PIECE,
): AsyncGenerator<{ text: string; linesBefore: number }> {
  const file = await open(path).catch((error: unknown) => {
    throw unreadable(path, what, error);
  });
  try {
    let before = beginning;
    let rest = Buffer.alloc(0);
    for (let ended = false; !ended;) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(size)).catch((error: unknown) => {
        throw unreadable(path, what, error);
      });
      ended = bytesRead === 0;
      rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      // Line feeds are never part of a longer UTF-8 sequence.
      const piece = rest.subarray(0, ended ? rest.length : rest.lastIndexOf(0x0a) + 1);
      if (piece.length === 0 && !(ended && before.bytes === 0)) continue;
      yield { text: decodeText(piece, path, what, before), linesBefore: before.lines };
      before = { bytes: before.bytes + piece.length, lines: before.lines + lineBreaks(piece) };
      rest = rest.subarray(piece.length);
    }
  } finally {
    await file.close();
  }
}

/** Line feeds, carriage returns, or both together. */
function lineBreaks(bytes: Buffer): number {
  let count = 0;
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === 0x0a || (bytes[i] === 0x0d && bytes[i + 1] !== 0x0a)) count++;
  }
  return count;
}

function unreadable(path: string, what: string, error: unknown): UserError {
  const code = (error as NodeJS.ErrnoException).code;
  const why = code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder' : messageOf(error);
  return new UserError(`The ${what} ${path} ${code === 'EACCES' ? 'cannot be read: ' : ''}${why}.`, {
    hint: 'Check the path; relative paths are relative to the working directory.',
    cause: error,
  });
}

/** @throws UserError for what is no UTF-8 text */
function decodeText(bytes: Buffer, path: string, what: string, before: Before): string {
  if (bytes.length === 0) throw new UserError(`The ${what} ${path} is empty.`);
  const first = before.bytes === 0;
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (first && utf16) {
    throw new UserError(`The ${what} ${path} is UTF-16; UTF-8 is read.`, {
      hint: `iconv -f utf-16 -t utf-8 ${path} > converted.txt`,
    });
  }
  const nul = bytes.indexOf(0);
  if (nul !== -1) {
    throw new UserError(
      `The ${what} ${path} is no text file: it holds a NUL byte at offset ${before.bytes + nul}.`,
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: !first }).decode(bytes);
  } catch (error) {
    const line = before.lines + (invalidLines(bytes).next().value as number);
    throw new UserError(`${path}:${line}: not UTF-8. The ${what} must be UTF-8 text.`, {
      hint: `If it is Latin-1: iconv -f latin1 -t utf-8 ${path} > converted.txt`,
      cause: error,
    });
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
