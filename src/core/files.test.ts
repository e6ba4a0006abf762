import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recoverDirectory, writeDirectoryAtomic } from './index.js';

/** No process has it: Linux gives out 4,194,304 at most, macOS 99,999. */
const DEAD = 99_999_999;

describe('recoverDirectory', () => {
  let folder: string;
  let path: string;
  const temporary = () => join(folder, `.best.${DEAD}.0123abcd.tmp`);
  const content = () => readFileSync(join(path, 'a'), 'utf8');

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'showtell-files-'));
    path = join(folder, 'best');
    writeDirectoryAtomic(path, { a: 'old' });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function leave(directory: string, a: string): void {
    mkdirSync(directory);
    writeFileSync(join(directory, 'a'), a);
  }

  it('removes what was not whole', () => {
    leave(temporary(), 'ne');
    recoverDirectory(path);
    expect(content()).toBe('old');
    expect(readdirSync(folder)).toEqual(['best']);
  });

  it('puts the new one in its place when the old one had given way', () => {
    leave(temporary(), 'new');
    renameSync(path, `${temporary()}.old`);
    recoverDirectory(path);
    expect(content()).toBe('new');
    expect(readdirSync(folder)).toEqual(['best']);
  });

  it('removes an old one that was replaced', () => {
    leave(`${temporary()}.old`, 'older');
    recoverDirectory(path);
    expect(content()).toBe('old');
    expect(readdirSync(folder)).toEqual(['best']);
  });

  it('leaves what another process is writing, and other names', () => {
    const others = [`.best.${process.ppid}.0123abcd.tmp`, '.best.notes', `.bester.${DEAD}.0123abcd.tmp`];
    for (const name of others) leave(join(folder, name), 'x');
    recoverDirectory(path);
    for (const name of others) expect(existsSync(join(folder, name)), name).toBe(true);
    recoverDirectory(join(folder, 'missing', 'best'));
  });
});
