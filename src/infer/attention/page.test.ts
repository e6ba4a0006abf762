import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Script } from 'node:vm';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { AttendedCaption } from './attention.js';
import { attentionPage, type PageImage } from './page.js';
import { PAGE_SCRIPT } from './page-script.js';

const photo = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#c82828' } });

function caption(words: string[], change: Partial<AttendedCaption> = {}): AttendedCaption {
  return {
    text: words.join(' '),
    words,
    logProbability: -1,
    score: -1,
    finished: true,
    attention: {
      height: 1,
      width: 2,
      maps: words.map(() => Float32Array.of(0.25, 0.75)),
      photo: { width: 100, height: 50 },
      region: { left: 25, top: 0, width: 50, height: 50 },
    },
    ...change,
  };
}

async function image(words: string[], change: Partial<PageImage> = {}): Promise<PageImage> {
  return {
    name: 'photo.png',
    image: await photo(100, 50).png().toBuffer(),
    caption: caption(words),
    ...change,
  };
}

const count = (page: string, pattern: RegExp) => [...page.matchAll(pattern)].length;

describe('attentionPage', () => {
  it('has a button and a veil for each word of each image, and the numbers', async () => {
    const page = await attentionPage([await image(['a', 'dog']), await image(['two', 'red', 'cars'])]);
    expect(count(page, /<article /g)).toBe(2);
    expect(count(page, /class="word"/g)).toBe(5);
    expect(count(page, /class="veil"/g)).toBe(5);
    // 0.25 ln 4 + 0.75 ln 4/3 = 0.5623 nats, 0.811 of ln 2, e^0.5623 = 1.755 cells; x = 0.25 * 37.5 + 0.75 * 62.5.
    expect(page).toContain(
      '“dog”: as widely as 1.8 of 2 cells; entropy 0.56 nats, 81 % of the most possible',
    );
    expect(page).toMatch(/<td>0\.562<\/td>\s*<td>0\.811<\/td>\s*<td>1\.8<\/td>\s*<td>56, 25<\/td>/);
    expect(page.replaceAll(/\s+/g, ' ')).toContain(
      'an even look gives each cell 1.000 words; 50 % of the cells got less',
    );
  });

  it('places the veils where the model looked, and greys the rest', async () => {
    const page = await attentionPage([await image(['a'])]);
    expect(page).toContain('left: 25.0000%; top: 0.0000%; width: 50.0000%; height: 100.0000%');
    expect(page).toContain('25.0000% 0.0000%, 75.0000% 0.0000%, 75.0000% 100.0000%, 25.0000% 100.0000%');
    expect(page).toContain('class="unseen');
    const attention = { ...caption(['a']).attention!, region: { left: 0, top: 0, width: 100, height: 50 } };
    const whole = await attentionPage([await image(['a'], { caption: caption(['a'], { attention }) })]);
    expect(whole).not.toContain('class="unseen');
    expect(whole).not.toContain('outside of the crop');
  });

  it('asks for nothing, and forbids it: only data, only its own script', async () => {
    const page = await attentionPage([await image(['a'])]);
    for (const [, address] of page.matchAll(/(?:src|href|url)(?:="|\()([^")]*)/g))
      expect(address).toMatch(/^data:/);
    expect(page).not.toMatch(/https?:|@import|<link/);
    const [, script] = page.match(/<script>([^]*)<\/script>/)!;
    const hash = createHash('sha256').update(script).digest('base64');
    expect(page).toContain(`script-src &#39;sha256-${hash}&#39;`);
    expect(page).toContain('default-src &#39;none&#39;');
  });

  it('escapes words and names', async () => {
    const evil = `<b onclick="x">&'`;
    const page = await attentionPage([await image([evil], { name: '"><script>alert(1)</script>.png' })]);
    expect(page).not.toContain('<b onclick');
    expect(count(page, /<script/g)).toBe(1);
    expect(page).toContain('&lt;b onclick=&quot;x&quot;&gt;&amp;&#39;');
    expect(page).toContain('alt="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;.png"');
  });

  it('embeds photos upright, at most 1024 pixels long, without what the camera noted', async () => {
    const bytes = await photo(2400, 1200)
      .withExif({ IFD0: { Artist: 'somebody' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const attention = {
      ...caption(['a']).attention!,
      photo: { width: 1200, height: 2400 },
      region: { left: 0, top: 600, width: 1200, height: 1200 },
    };
    const page = await attentionPage([
      await image(['a'], { image: bytes, caption: caption(['a'], { attention }) }),
    ]);
    const [, data] = page.match(/data:image\/jpeg;base64,([^"]+)/)!;
    const metadata = await sharp(Buffer.from(data, 'base64')).metadata();
    expect([metadata.width, metadata.height]).toEqual([512, 1024]);
    expect([metadata.exif, metadata.orientation]).toEqual([undefined, undefined]);
  });

  it('shows a caption without words, and refuses one without attention', async () => {
    const page = await attentionPage([await image([])]);
    expect(page).toContain('A caption without words');
    expect(page).not.toContain('<table>');
    const blind = image(['a'], { caption: caption(['a'], { attention: undefined }) });
    await expect(attentionPage([await blind])).rejects.toThrow(/made without attention/);
  });

  it('has a script that parses', () => {
    expect(() => new Script(PAGE_SCRIPT)).not.toThrow();
  });
});

/** A browser's path, if one is installed. */
function findBrowser(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

const browser = findBrowser();
if (!browser)
  process.stderr.write('tests of the attention page in a browser are skipped: no Chromium found\n');

/** The document after its scripts ran, with 30 seconds of virtual time. */
function open(page: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'showtell-page-'));
  try {
    const file = join(folder, 'page.html');
    writeFileSync(file, page);
    const options = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      `--user-data-dir=${join(folder, 'profile')}`,
    ];
    return execFileSync(
      browser!,
      [...options, '--virtual-time-budget=30000', '--dump-dom', `file://${file}`],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        timeout: 60_000,
      },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a visitor does, and what the page says after each act. */
async function visit(acts: string, ...captions: string[][]): Promise<unknown[]> {
  const page = await attentionPage(await Promise.all(captions.map((words) => image(words))));
  const script = `<script>
    const seen = [];
    const word = (i) => document.querySelectorAll('.word')[i];
    const note = () => seen.push([
      [...document.querySelectorAll('.word')].findIndex((each) => each.ariaCurrent === 'true'),
      [...document.querySelectorAll('.veil')].findIndex((each) => each.classList.contains('shown')),
      [...document.querySelectorAll('.play')].map((each) => each.textContent).join(' '),
    ]);
    const press = (key, target = document.activeElement) =>
      target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
    const hover = (type, i) => word(i).dispatchEvent(new PointerEvent(type, { pointerType: 'mouse' }));
    (async () => {
      ${acts}
    })().catch((error) => seen.push(String(error))).then(() => {
      const log = document.createElement('pre');
      log.id = 'log';
      log.textContent = JSON.stringify(seen);
      document.body.append(log);
    });
  </script>`;
  // The page's policy forbids a second script, so this visit goes without it; the first test goes with it.
  const visited = page.replace(/<meta http-equiv[^>]*>/, '').replace('</body>', `${script}</body>`);
  const [, log] = open(visited).match(/<pre id="log">([^<]*)<\/pre>/)!;
  return JSON.parse(log);
}

describe.skipIf(!browser)('the attention page in a browser', () => {
  it('runs under its own policy', async () => {
    const page = await attentionPage([await image(['a', 'dog'])]);
    expect(page).toContain('class="play" hidden');
    expect(open(page)).toContain('<button type="button" class="play">Play</button>');
  });

  it('goes through the words by arrow keys, clicks and hovering', async () => {
    const log = await visit(
      `note();
      press('ArrowRight'); note();
      press('ArrowRight'); note();
      press('ArrowRight'); press('ArrowRight'); note();
      press('ArrowLeft'); note();
      word(2).focus(); press('ArrowLeft'); press('ArrowLeft'); note();
      seen.push(document.activeElement === word(0));
      word(1).click(); note();
      seen.push(document.querySelector('.now').textContent.slice(0, 5));
      hover('pointerenter', 2); note();
      hover('pointerleave', 2); note();`,
      ['a', 'red', 'car'],
    );
    expect(log).toEqual([
      [-1, -1, 'Play'],
      [0, 0, 'Play'],
      [1, 1, 'Play'],
      [2, 2, 'Play'],
      [1, 1, 'Play'],
      [0, 0, 'Play'],
      true,
      [1, 1, 'Play'],
      '“red”',
      [1, 2, 'Play'],
      [1, 1, 'Play'],
    ]);
  });

  it('plays to the end, pauses, goes on, and begins again', async () => {
    const log = await visit(
      `press(' '); note();
      await wait(1000); note();
      press(' '); note();
      await wait(2000); note();
      document.querySelector('.play').click(); note();
      await wait(1000); note();
      document.querySelector('.play').click(); note();`,
      ['a', 'red', 'car'],
    );
    expect(log).toEqual([
      [0, 0, 'Pause'],
      [1, 1, 'Pause'],
      [1, 1, 'Play'],
      [1, 1, 'Play'],
      [2, 2, 'Pause'],
      [2, 2, 'Play'],
      [0, 0, 'Pause'],
    ]);
  });

  it('plays one image at a time, and keys go to the one that was used last', async () => {
    const log = await visit(
      `document.querySelectorAll('.play')[0].click(); note();
      document.querySelectorAll('.play')[1].click(); note();
      word(2).dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }));
      press('ArrowRight'); note();
      seen.push(word(3).ariaCurrent);`,
      ['a', 'dog'],
      ['two', 'cars'],
    );
    expect(log).toEqual([[0, 0, 'Pause Play'], [0, 0, 'Play Pause'], [0, 0, 'Play Play'], 'true']);
  });
});
