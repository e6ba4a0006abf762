/**
 * The entries of lists in a JSON object, one at a time: COCO's captions as a whole take gigabytes once parsed, and one
 * broken entry must not hide the others. The text is cut at brackets and quotes; JSON.parse reads each entry.
 */
import { messageOf, UserError } from '../../core/index.js';
import type { BadLine } from '../text-file.js';

/** Takes one entry; returns what is wrong with it. */
export type EntryTaker = (entry: Record<string, unknown>, index: number, line: number) => string | undefined;

/**
 * Hands every entry of the lists `takers` names to its taker, in the file's order.
 * @param bad gets the entries that are no objects, or that a taker objects to, as `images[3]: why`
 * @param hint what is accepted, for the error
 * @throws UserError where the file is no JSON object, or lacks a list
 */
export function readJsonEntries(
  text: string,
  file: string,
  takers: Record<string, EntryTaker>,
  bad: BadLine[],
  hint: string,
): void {
  const scanner = new Scanner(text, file, hint);
  const missing = new Set(Object.keys(takers));
  scanner.open('{');
  for (let first = true; scanner.more('}', first); first = false) {
    const key = scanner.key();
    if (!missing.has(key) || scanner.peek() !== '[') {
      scanner.skipValue();
      continue;
    }
    missing.delete(key);
    scanner.open('[');
    for (let index = 0; scanner.more(']', index === 0); index++) {
      const { start, end } = scanner.skipValue();
      const line = scanner.lineOf(start);
      const why = takeEntry(text.slice(start, end), takers[key], index, line);
      if (why !== undefined) bad.push({ line, why: `${key}[${index}]: ${why}` });
    }
  }
  scanner.end();
  if (missing.size > 0) {
    throw new UserError(
      `${file} has no list ${[...missing].map((key) => `"${key}"`).join(' and no list ')}.`,
      {
        hint,
      },
    );
  }
}

function takeEntry(text: string, take: EntryTaker, index: number, line: number): string | undefined {
  let entry: unknown;
  try {
    entry = JSON.parse(text);
  } catch (error) {
    return `no JSON: ${messageOf(error)}`;
  }
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return `${text.length > 40 ? `${text.slice(0, 40)}...` : text} is no object`;
  }
  return take(entry as Record<string, unknown>, index, line);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]); // [ {
const CLOSING = new Set([0x5d, 0x7d]); // ] }

class Scanner {
  private at = 0;
  /** Of the last line that was asked for, for entries are asked for in order. */
  private counted = { at: 0, line: 1 };

  constructor(
    private readonly text: string,
    private readonly file: string,
    private readonly hint: string,
  ) {}

  /** The next character that is no space; empty at the end. */
  peek(): string {
    const space = /[ \t\r\n]*/y;
    space.lastIndex = this.at;
    space.test(this.text);
    this.at = space.lastIndex;
    return this.text.charAt(this.at);
  }

  open(bracket: string): void {
    if (this.peek() !== bracket) this.fail(`"${bracket}" was expected`);
    this.at++;
  }

  /** Whether another member or element follows; steps over the comma, or over the bracket that ends them. */
  more(close: string, first: boolean): boolean {
    const next = this.peek();
    if (next === close) {
      this.at++;
      return false;
    }
    if (first) return true;
    if (next !== ',') this.fail(`"," or "${close}" was expected`);
    this.at++;
    return true;
  }

  /** A member's name, and the colon. */
  key(): string {
    if (this.peek() !== '"') this.fail('a name in double quotes was expected');
    const { start, end } = this.skipValue();
    if (this.peek() !== ':') this.fail('":" was expected');
    this.at++;
    try {
      return JSON.parse(this.text.slice(start, end)) as string;
    } catch (error) {
      this.fail(messageOf(error));
    }
  }

  /** Steps over a value. */
  skipValue(): { start: number; end: number } {
    this.peek();
    const start = this.at;
    const code = this.text.charCodeAt(start);
    if (code === QUOTE) this.at = this.stringEnd(start);
    else if (OPENING.has(code)) this.at = this.bracketEnd(start);
    else {
      const scalar = /[^\s,\]}]+/y;
      scalar.lastIndex = start;
      if (!scalar.test(this.text)) this.fail('a value was expected');
      this.at = scalar.lastIndex;
    }
    return { start, end: this.at };
  }

  end(): void {
    if (this.peek() !== '') this.fail('nothing was expected after the last "}"');
  }

  private bracketEnd(start: number): number {
    let depth = 0;
    for (let i = start; i < this.text.length; i++) {
      const code = this.text.charCodeAt(i);
      if (code === QUOTE) i = this.stringEnd(i) - 1;
      else if (OPENING.has(code)) depth++;
      else if (CLOSING.has(code) && --depth === 0) return i + 1;
    }
    this.at = start;
    this.fail('what begins here has no end; is the file cut off?');
  }

  private stringEnd(start: number): number {
    for (let i = start; ;) {
      i = this.text.indexOf('"', i + 1);
      if (i === -1) {
        this.at = start;
        this.fail('what begins here has no end; is the file cut off?');
      }
      let backslashes = 0;
      while (this.text.charCodeAt(i - 1 - backslashes) === BACKSLASH) backslashes++;
      if (backslashes % 2 === 0) return i + 1;
    }
  }

  /** Line of a position, from 1; positions are asked for in rising order. */
  lineOf(position: number): number {
    let { at, line } = this.counted;
    for (let i = this.text.indexOf('\n', at); i !== -1 && i < position; i = this.text.indexOf('\n', at)) {
      at = i + 1;
      line++;
    }
    this.counted = { at, line };
    return line;
  }

  private fail(why: string): never {
    this.counted = { at: 0, line: 1 };
    throw new UserError(`${this.file}:${this.lineOf(this.at)}: not JSON: ${why}.`, { hint: this.hint });
  }
}
