import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readTextFile } from './text-file.js';

it('says that a file is too long to be one text', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'showtell-text-'));
  try {
    const path = join(folder, 'captions.csv');
    writeFileSync(path, 'image,caption\n');
    expect(await readTextFile(path, 'captions file', 14)).toBe('image,caption\n');
    await expect(readTextFile(path, 'captions file', 13)).rejects.toThrow(
      /captions file .*captions\.csv has 14 bytes; at most 13 can be read/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
