import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../tests/command-line.js';
import { tinyConfig, writeTinyDataset } from '../../tests/tiny.js';
import { zip } from '../../tests/fake-setup.js';
import { formatConfig, type ConfigInput } from '../config/index.js';
import { silentLog } from '../core/index.js';
import { readDataset } from '../data/index.js';

const folder = mkdtempSync(join(tmpdir(), 'showtell-data-command-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const run = (...argv: string[]) => runCommand(['data', ...argv]);
const at = (name: string) => join(folder, name);

describe('showtell data check', () => {
  beforeAll(async () => {
    await writeTinyDataset(folder);
    writeFileSync(at('config.yaml'), formatConfig(tinyConfig(folder)));
  });
  const check = (...argv: string[]) => run('check', '--config', at('config.yaml'), ...argv);

  it('prints what it found, and writes it as JSON and as a page', async () => {
    const { code, out, err } = await check('--json', at('check.json'), '--page', at('check.html'));
    expect(code).toBe(0);
    expect(out).toContain('train: 8 images, 16 captions (2 an image)');
    // Its images are to be learnt by heart: the config lets splits share them.
    expect(out).toContain('warning: 4 images are in more than one split');
    expect(err).toContain(`written: ${at('check.html')}`);
    expect(JSON.parse(readFileSync(at('check.json'), 'utf8'))).toMatchObject({
      format: 'showtell-data-check',
      stops: false,
      splits: { train: { images: 8 } },
    });
    expect(readFileSync(at('check.html'), 'utf8')).toMatch(/^<!doctype html>/);
  });

  it('exits with 1 when a training would end, and says so by settings that were changed', async () => {
    const { code, out, err } = await check('--set', 'data.onSharedImages=error');
    expect(code).toBe(1);
    expect(out).toContain('error: 4 images are in more than one split');
    expect(out).toContain('A training would end with this data.');
    expect(err).not.toContain('error:');
  });

  it.each([
    [['check'], 'expected `showtell data check --config FILE`'],
    [['check', 'more', '--config', 'x'], 'expected `showtell data check --config FILE`'],
    [['check', '--config', at('none.yaml')], 'cannot read the config'],
    [['look'], 'there is no "data look"'],
    [['check', '--config', at('config.yaml'), '--from', 'x'], '--from belongs to `data fetch`'],
    [['check', '--config', at('config.yaml'), '--page', folder], 'is a folder'],
    [['check', '--config', at('config.yaml'), '--json', ''], '--json names no file'],
    [
      ['check', '--config', at('config.yaml'), '--json', at('x'), '--page', at('x')],
      '--json and --page both name',
    ],
  ])('%j ends in an error that says what was wrong', async (argv, message) => {
    const { code, err } = await run(...argv);
    expect(code).toBe(1);
    expect(err).toContain(message);
    expect(err).not.toContain('bug');
    expect(existsSync(at('none.yaml'))).toBe(false);
  });
});

describe('showtell data fetch', () => {
  it('prints the terms first, fetches, and prints the settings of a config that trains on it', async () => {
    const from = at('archives');
    mkdirSync(from);
    const entry = (image: string, split: string) => ({
      filename: image,
      split,
      sentences: [{ raw: 'A dog runs' }],
    });
    const images = [entry('a.jpg', 'train'), entry('b.jpg', 'val')];
    writeFileSync(
      join(from, 'caption_datasets.zip'),
      zip({ 'dataset_flickr30k.json': JSON.stringify({ images }) }),
    );
    const { code, out, err } = await run('fetch', 'flickr30k', '--from', from, '--to', at('flickr30k'));
    expect(code).toBe(0);
    expect(err).toMatch(
      /^Flickr30k: .*\nYoung, .*\nThe photos belong to .*\nSHA-256 of caption_datasets\.zip/,
    );
    expect(err).toContain(
      'images is empty: fill in the form at https://shannon.cs.illinois.edu/DenotationGraph/',
    );
    const config = tinyConfig(folder, { data: (parse(out) as { data: ConfigInput['data'] }).data });
    mkdirSync(at('flickr30k/images'));
    for (const name of ['a.jpg', 'b.jpg']) writeFileSync(at(`flickr30k/images/${name}`), name);
    const { train } = await readDataset(config.data, silentLog);
    expect(train).toEqual([{ image: 'a.jpg', captions: ['A dog runs'] }]);
  });

  it.each([
    [['fetch'], 'expected `showtell data fetch flickr8k|flickr30k|coco`'],
    [['fetch', 'imagenet'], '"imagenet" cannot be fetched'],
    [['fetch', 'coco', '--page', 'x'], '--page belongs to `data check`'],
    [['fetch', 'flickr8k', '--from', at('nowhere'), '--to', at('x')], `there is no file ${at('nowhere')}`],
  ])('%j ends in an error that says what was wrong', async (argv, message) => {
    const { code, err } = await run(...argv);
    expect(code).toBe(1);
    expect(err).toContain(message);
    expect(err).not.toContain('bug');
  });
});
