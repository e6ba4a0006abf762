/** The page in a real browser. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createService, listen, type Listening, type Service } from '../../src/serve/index.js';
import { executable } from './browser.js';
import { writeTinyCheckpoint } from './tiny-checkpoint.js';

/** The part of axe-core that is used; it runs in the page. */
interface Axe {
  run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
}

describe.skipIf(!executable)('the page', { timeout: 60_000 }, () => {
  let directory: string;
  let service: Service;
  let server: Listening;
  let guarded: { service: Service; server: Listening };
  let browser: Browser;
  let photos: string[];
  const complaints: string[] = [];
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'showtell-page-'));
    const attention = join(directory, 'attention');
    // It sees a square in the middle of a wide photo.
    await writeTinyCheckpoint(attention, undefined, { resize: 32, crop: 32 });
    const lstm = join(directory, 'lstm');
    await writeTinyCheckpoint(lstm, { type: 'lstm', embedding: 8, hidden: 8, layers: 1 });
    photos = await Promise.all(
      ['red', 'green', 'blue'].map(async (background) => {
        const path = join(directory, `${background}.jpg`);
        await sharp({ create: { width: 300, height: 200, channels: 3, background } }).toFile(path);
        return path;
      }),
    );
    const start = async (token?: string) => {
      const made = await createService({
        checkpoints: [attention, lstm],
        token,
        limits: { uploadBytes: 300_000 },
      });
      return { service: made, server: await listen(made, { host: '127.0.0.1', port: 0, seconds: 30 }) };
    };
    ({ service, server } = await start());
    guarded = await start('open-sesame');
    browser = await chromium.launch({
      executablePath: executable,
      args: ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
    });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await guarded?.server.close();
    await service?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    expect(complaints.splice(0)).toEqual([]);
  });

  async function open(options: BrowserContextOptions = {}, { url } = server): Promise<Page> {
    const page = await (await browser.newContext(options)).newPage();
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text()); // breaches of the policy among them
    });
    page.on('request', (request) => {
      const local = [url, 'blob:', 'data:'].some((start) => request.url().startsWith(start));
      if (!local) complaints.push(`a request to ${request.url()}`);
    });
    await page.goto(url);
    return page;
  }

  const ready = (page: Page) => page.getByText('Ready: attention, lstm.').waitFor();
  const add = (page: Page, ...files: Parameters<ReturnType<Page['locator']>['setInputFiles']>) =>
    page.locator('#files').setInputFiles(...files);
  /** Waits until so many models have said something. */
  const results = (page: Page, count: number) =>
    expect.poll(() => page.locator('.choices').count(), { timeout: 20_000 }).toBe(count);

  async function violations(page: Page): Promise<string[]> {
    await page.evaluate(axe);
    const found: Awaited<ReturnType<Axe['run']>> = await page.evaluate('axe.run()');
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  }

  // Text, because this file is compiled for Node: it has no types of a browser.
  const veil = (page: Page): Promise<{ shown: boolean; width: number; height: number }> =>
    page.evaluate(`(() => {
      const veil = document.querySelector('.veil');
      const { width, height } = veil.getBoundingClientRect();
      return { shown: veil.classList.contains('shown'), width, height };
    })()`);

  it('captions several photos by both models, likeliest caption first', async () => {
    const page = await open();
    await ready(page);
    await add(page, photos);
    await results(page, 6);
    const cards = page.locator('.card');
    expect(await cards.locator('figcaption').allTextContents()).toEqual([
      expect.stringContaining('red.jpg, 300 × 200 pixels'),
      expect.stringContaining('green.jpg'),
      expect.stringContaining('blue.jpg'),
    ]);
    const answer = await fetch(`${server.url}/api/captions?strategy=beam&beam=3&captions=3`, {
      method: 'POST',
      body: new Uint8Array(readFileSync(photos[0])),
    });
    const { results: expected } = (await answer.json()) as {
      results: { model: string; captions: { caption: string }[] }[];
    };
    for (const { model, captions } of expected) {
      const result = cards.first().locator(`[data-model="${model}"]`);
      expect(await result.locator('.best').textContent()).toBe(captions[0].caption);
      expect(await result.locator('.choice .text').allTextContents()).toEqual(
        captions.map(({ caption }) => caption),
      );
      await result.locator('.choice').nth(1).click();
      expect(await result.locator('.best').textContent()).toBe(captions[1].caption);
    }
    expect(await page.locator('#announcer').textContent()).toMatch(/ on (red|green|blue)\.jpg: /);
    await page.getByRole('button', { name: 'Remove green.jpg' }).click();
    expect(await cards.count()).toBe(2);
    expect(await violations(page)).toEqual([]);
  });

  it('shows where the model looked, by pointer, by keys and as an animation', async () => {
    const page = await open();
    await ready(page);
    await page.locator('#settings summary').click();
    await page.getByLabel('Fewest words').fill('3');
    await add(page, photos[0]);
    await results(page, 2);
    const words = page.locator('.word');
    expect((await veil(page)).shown).toBe(false);
    await words.nth(1).hover();
    const first = await veil(page);
    expect(first.shown).toBe(true);
    expect(first.width / first.height).toBeCloseTo(1, 2); // the square that the model saw of 300 x 200
    await expect.poll(() => page.getByText('Grey: outside of what the models see.').isVisible()).toBe(true);

    await page.mouse.move(0, 0);
    await words.first().focus();
    await page.keyboard.press('ArrowRight');
    expect(await words.nth(1).getAttribute('aria-pressed')).toBe('true');
    await page.keyboard.press('End');
    expect(await words.last().getAttribute('aria-pressed')).toBe('true');
    expect(await page.getByText(/looked as widely as [\d.]+ of \d+ cells/).isVisible()).toBe(true);
    await page.keyboard.press('Home');
    expect((await veil(page)).shown).toBe(true);

    await page.getByRole('button', { name: 'Play' }).click();
    expect(await page.getByRole('button', { name: 'Pause' }).isVisible()).toBe(true);
    await page.locator('.word[aria-pressed="true"]').last().waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await words.first().focus();
    await page.keyboard.press('Space');
    expect(await page.getByRole('button', { name: 'Pause' }).isVisible()).toBe(true);
    await page.keyboard.press('Space');
    expect(await page.getByRole('button', { name: 'Play' }).isVisible()).toBe(true);
    expect(await violations(page)).toEqual([]);
  });

  it('says what is wrong with a file, before or after sending it', async () => {
    const page = await open();
    await ready(page);
    await add(page, { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') });
    await page.getByRole('alert').getByText('This is not a photo').waitFor();
    await add(page, { name: 'big.jpg', mimeType: 'image/jpeg', buffer: Buffer.alloc(400_000) });
    await page.getByRole('alert').getByText('The file is larger than').waitFor();
    await add(page, {
      name: 'cut.jpg',
      mimeType: 'image/jpeg',
      buffer: readFileSync(photos[0]).subarray(0, 300),
    });
    await page.getByRole('alert').getByText('The photo is damaged or incomplete.').waitFor();
    expect(await violations(page)).toEqual([]);
    complaints.splice(0); // the browser notes the answer 422
  });

  it('keeps its settings, refuses wrong ones, and captions again with others', async () => {
    const page = await open();
    await ready(page);
    await add(page, photos[0]);
    await results(page, 2);
    await page.locator('#settings summary').click();
    await page.getByLabel('How words are chosen').selectOption('diverse-beam');
    await page.getByLabel('Beam width').fill('4');
    await page.getByRole('button', { name: 'Caption again' }).click();
    expect(await page.getByText('A multiple of 3').isVisible()).toBe(true);
    expect(await page.getByLabel('Beam width').getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('Beam width').fill('6');
    await page.getByRole('button', { name: 'Caption again' }).click();
    await expect.poll(() => page.locator('.choice').count()).toBe(10); // five of each model
    await page.reload();
    await ready(page);
    await page.locator('#settings summary').click();
    expect(await page.getByLabel('Beam width').inputValue()).toBe('6');
    for (const strategy of ['greedy', 'sample', 'beam']) {
      await page.getByLabel('How words are chosen').selectOption(strategy);
      await add(page, photos[1]);
    }
    await results(page, 6);
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('takes a photo from the camera, the clipboard and a drop', async () => {
    const page = await open();
    await ready(page);
    await page.getByRole('button', { name: 'Camera' }).click();
    expect(await violations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Take the photo' }).click();
    await results(page, 2);
    expect(await page.locator('figcaption').textContent()).toContain('photo from the camera');

    await page.evaluate(`
      const send = (make) => {
        const transfer = new DataTransfer();
        const bytes = Uint8Array.from(${JSON.stringify([...readFileSync(photos[1])])});
        transfer.items.add(new File([bytes], 'sent.jpg', { type: 'image/jpeg' }));
        document.dispatchEvent(make(transfer));
      };
      send((clipboardData) => new ClipboardEvent('paste', { clipboardData }));
      send((dataTransfer) => new DragEvent('drop', { dataTransfer, cancelable: true }));
    `);
    await results(page, 6);
    expect(await page.locator('figcaption').allTextContents()).toEqual([
      expect.stringContaining('sent.jpg'),
      expect.stringContaining('pasted photo'),
      expect.stringContaining('photo from the camera'),
    ]);
  });

  it('captions every photo by the settings of the moment it came', async () => {
    const page = await open();
    await ready(page);
    const sent: string[] = [];
    let release = () => {};
    const open4 = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/api/captions', async (route) => {
      sent.push(route.request().postData() ?? '');
      await open4;
      await route.continue();
    });
    await add(page, [photos[0], photos[1], photos[2], photos[0], photos[1]]); // four are sent at a time
    await expect.poll(() => sent.length).toBe(4);
    await page.locator('#settings summary').click();
    await page.getByLabel('Beam width').fill('0');
    release();
    await results(page, 10);
    expect(sent.map((body) => /name="beam"\r\n\r\n(\d+)/.exec(body)?.[1])).toEqual(Array(5).fill('3'));
  });

  it('keeps what a model has said when another fails, and waits as long as it is told', async () => {
    const page = await open({ locale: 'ru-RU' });
    await page.getByText('Готово: attention, lstm.').waitFor();
    const result = { caption: 'a dog', words: ['a', 'dog'], probability: 0.5, finished: true };
    let answers = 0;
    await page.route('**/api/captions', async (route) => {
      answers++;
      if (answers === 1) {
        const headers = { 'Retry-After': new Date(Date.now() + 3_000).toUTCString() };
        const error = { code: 'busy', message: 'Too many photos are waiting.' };
        await route.fulfill({ status: 503, headers, json: { error } });
        return;
      }
      const event = (name: string, data: unknown) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
      const body =
        event('result', { model: 'lstm', captions: [result] }) +
        event('error', { error: { code: 'model_failed', message: 'The model failed.' } });
      await route.fulfill({ contentType: 'text/event-stream', body });
    });
    await add(page, photos[0]);
    await page.getByText('Сервис занят').waitFor();
    await page.waitForTimeout(500);
    expect(answers).toBe(1);
    await page.getByRole('alert').getByText('Модель не справилась с этим снимком.').waitFor();
    expect(answers).toBe(2);
    expect(await page.locator('[data-model="lstm"] .best').textContent()).toBe('a dog');
    expect(await page.locator('[data-model="lstm"]').isVisible()).toBe(true);
    expect(await page.locator('[data-model="attention"]').isVisible()).toBe(false);
    complaints.splice(0); // the browser notes the answer 503
  });

  it('works where the browser stores nothing', async () => {
    const context = await browser.newContext();
    await context.addInitScript(`for (const name of ['localStorage', 'sessionStorage'])
      Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError'); } });`);
    const page = await context.newPage();
    page.on('pageerror', ({ message }) => complaints.push(message));
    await page.goto(guarded.server.url);
    await page.getByLabel('Access token').fill('open-sesame');
    await page.getByRole('button', { name: 'Use it' }).click();
    await ready(page);
    await page.locator('#settings summary').click();
    await page.getByLabel('How words are chosen').selectOption('greedy');
    await page.getByLabel('Language').selectOption('ru');
    await add(page, photos[0]);
    await results(page, 2);
  });

  it('gives back a camera that opens after its dialog was closed', async () => {
    const page = await open();
    await ready(page);
    await page.evaluate(`
      window.given = [];
      window.waiting = [];
      const camera = navigator.mediaDevices;
      const real = camera.getUserMedia.bind(camera);
      camera.getUserMedia = async (wanted) => {
        await new Promise((resolve) => window.waiting.push(resolve));
        const stream = await real(wanted);
        window.given.push(stream);
        return stream;
      };
    `);
    const camera = page.getByRole('button', { name: 'Camera' });
    await camera.click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await camera.click();
    await page.evaluate('window.waiting.forEach((resolve) => resolve())');
    const states = () =>
      page.evaluate('window.given.map((stream) => stream.getTracks()[0].readyState).sort().join()');
    await expect.poll(states).toBe('ended,live');
    await page.getByRole('button', { name: 'Take the photo' }).click();
    await expect.poll(states).toBe('ended,ended');
    await results(page, 2);
  });

  it('works by keyboard alone', async () => {
    const page = await open();
    await ready(page);
    const focused = () => page.evaluate<string>('document.activeElement.id');
    const stops: string[] = [];
    for (let i = 0; i < 3; i++) {
      await page.keyboard.press('Tab');
      stops.push(await focused());
    }
    expect(stops).toEqual(['language', 'choose', 'camera']);
    await page.keyboard.press('Shift+Tab');
    const choosing = page.waitForEvent('filechooser');
    await focused(); // by then the browser knows that its file chooser is waited for
    await page.keyboard.press('Space');
    const chooser = await choosing;
    await chooser.setFiles(photos[0]);
    await results(page, 2);
    await page.getByRole('button', { name: 'Remove red.jpg' }).focus();
    await page.keyboard.press('Enter');
    expect(await page.locator('.card').count()).toBe(0);
    expect(await focused()).toBe('choose');
  });

  it('fits a phone, in light and dark, in English and Russian', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open({
        viewport: { width: 360, height: 740 },
        isMobile: true,
        hasTouch: true,
        colorScheme,
        locale: 'ru-RU',
      });
      await page.getByText('Готово: attention, lstm.').waitFor();
      expect(await page.locator('html').getAttribute('lang')).toBe('ru');
      await page.locator('#settings summary').click();
      await add(page, photos[0]);
      await results(page, 2);
      const overflow = () => page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      expect(await overflow()).toBe(0);
      expect(await violations(page)).toEqual([]);
      await page.getByLabel('Язык').selectOption('en');
      await page.getByRole('button', { name: 'Choose photos' }).waitFor();
      expect(await page.getByText('beam search').first().isVisible()).toBe(true);
      expect(await overflow()).toBe(0);
    }
  });

  it('asks for the token of a service that wants one', async () => {
    const page = await open({}, guarded.server);
    await page.getByLabel('Access token').fill('open-sesame');
    await page.getByRole('button', { name: 'Use it' }).click();
    await ready(page);
    await add(page, photos[0]);
    await results(page, 2);
    complaints.splice(0); // the browser notes the answer 401
  });
});
