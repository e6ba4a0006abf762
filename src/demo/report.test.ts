import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { PICTURES } from './pictures.js';
import { renderReport } from './report.js';
import type { ReportData, ReportPicture } from './report.js';

const picture = (change: Partial<ReportPicture> = {}): ReportPicture => ({
  name: 'test-0000.png',
  mime: 'image/svg+xml',
  bytes: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
  aspect: 1,
  caption: 'A red star',
  words: ['a', 'red', 'star'],
  logProbability: Math.log(0.25),
  attention: {
    height: 1,
    width: 2,
    maps: [
      [0.5, 0.5],
      [1, 0],
      [0.2, 0.8],
    ],
  },
  references: ['A red star.', 'There is a red star.'],
  exact: true,
  ...change,
});

const report = (change: Partial<ReportData> = {}): ReportData => ({
  command: 'showtell demo',
  figures: [['0.93', 'BLEU-4']],
  story: ['It was trained.'],
  history: [
    { epoch: 1, loss: 2.5, bleu4: 0.1 },
    { epoch: 2, loss: 0.5, bleu4: 0.9 },
  ],
  scores: [{ decoding: 'greedy', bleu: [0.99, 0.97, 0.95, 0.93], exact: 0.8 }],
  protocol: [['split', 'test']],
  scenes: [picture()],
  photos: { missing: 'not there' },
  ...change,
});

describe('renderReport', () => {
  it('holds loss curve, scores, captions with references, and one veil a word', async () => {
    const page = await renderReport(report());
    expect(page).toContain('Training loss by epoch, from 2.50 to 0.50');
    expect(page).toContain('Validation BLEU-4 by epoch, from 0.10 to 0.90');
    for (const text of [
      '0.990',
      '0.970',
      '0.950',
      '0.930',
      '80 %',
      'A red star',
      'There is a red star.',
      'not there',
    ]) {
      expect(page).toContain(text);
    }
    expect(page.match(/class="veil"/g)).toHaveLength(3);
    expect(page).toContain('probability 0.25');
    expect(page).toContain('equals a reference');
  });

  it('loads nothing: no script, and no address but data', async () => {
    const page = await renderReport(
      report({ photos: { checkpoint: 'checkpoints/x', pictures: [picture()] } }),
    );
    expect(page).not.toMatch(/<script|<link|@import/);
    for (const [, address] of page.matchAll(/(?:src|href|url)(?:="|\()([^")]*)/g))
      expect(address).toMatch(/^data:/);
  });

  it('escapes what it is given', async () => {
    const evil = '<b onclick="x">&\'';
    const page = await renderReport(
      report({
        command: evil,
        story: [evil],
        figures: [[evil, evil]],
        protocol: [[evil, evil]],
        scenes: [picture({ name: evil, caption: evil, words: [evil, 'b', 'c'], references: [evil] })],
        photos: { missing: evil },
      }),
    );
    expect(page).not.toContain('<b onclick');
    expect(page).toContain('&lt;b onclick=&quot;x&quot;&gt;&amp;&#39;');
  });

  it('has one main heading, and a text for every picture', async () => {
    const page = await renderReport(report());
    expect(page.match(/<h1/g)).toHaveLength(1);
    expect(page.match(/<img /g)!.length).toBe(page.match(/<img [^>]*alt="[^"]+/g)!.length);
    expect(page).toMatch(/<html lang="en">/);
  });
});

describe('the painted pictures', () => {
  it('are 320x240 and not alike', async () => {
    const pixels = await Promise.all(
      PICTURES.map(async ({ svg }) =>
        sharp(Buffer.from(svg)).removeAlpha().raw().toBuffer({ resolveWithObject: true }),
      ),
    );
    for (const { info } of pixels) expect([info.width, info.height]).toEqual([320, 240]);
    expect(new Set(pixels.map(({ data }) => data.toString('base64'))).size).toBe(PICTURES.length);
  });
});
