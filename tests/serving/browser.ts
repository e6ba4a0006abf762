/**
 * Chromium for tests. They are skipped with a message where none is found; SHOWTELL_BROWSER=required makes its absence a
 * failure, and any other value is the path of one.
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const wanted = process.env.SHOWTELL_BROWSER;
/** Path of a Chromium, if there is one. */
export const executable = wanted && wanted !== 'required' ? wanted : findBrowser();
if (!executable) {
  if (wanted === 'required')
    throw new Error('SHOWTELL_BROWSER is "required", but no Chromium is on the PATH');
  process.stderr.write('tests of the page are skipped: no Chromium is on the PATH\n');
}

function findBrowser(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  return names
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((path) => existsSync(path));
}
