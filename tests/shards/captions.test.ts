/** Captions of shards: what they say, what they survive, and what they refuse. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { tf } from '../../src/backend/index.js';
import { Lock, silentLog } from '../../src/core/index.js';
import { Captioner, captionShards } from '../../src/infer/index.js';
import { runCommand } from '../command-line.js';
import { contents, image, outputs, rowsOf, writeTar, writeShards } from './shards.js';

const { at, whole, showtell, remove } = await writeShards();
afterAll(remove);

describe('captions of shards', () => {
  it('are those of the same files one by one, a row each', async () => {
    const captioner = await Captioner.load(at('model'));
    for (const format of ['jsonl', 'parquet']) {
      const names = outputs(whole(format));
      expect(names).toEqual(readdirSync(at('tars')).map((name) => name.replace('.tar', `.${format}`)));
      const rows = (await Promise.all(names.map((name) => rowsOf(join(whole(format), name))))).flat();
      expect(rows.map(({ key }) => key)).toEqual(readdirSync(at('photos')).map((name) => name.slice(0, -4)));
      for (const { key, caption, logProbability, error } of rows.slice(0, 20)) {
        const expected = await captioner.caption(at('photos', `${key}.png`), { maxWords: 5 });
        expect({ caption, error }).toEqual({ caption: expected.text, error: null });
        expect(logProbability).toBeCloseTo(expected.logProbability, 4); // another batch, another rounding
      }
    }
    captioner.dispose();
  });

  it('are shared by processes without a gap or an overlap, as their environment numbers them', async () => {
    const before = tf.memory().numTensors;
    for (const index of ['0', '1', '2']) {
      const argv = ['--input', at('tars', '*.tar'), '--output', at('shared')];
      const own = await runCommand(['caption', '--checkpoint', at('model'), '--max-words', '5', ...argv], {
        ...process.env,
        ...{ JOB_COMPLETION_INDEX: index, SHARD_COUNT: '3' },
      });
      expect(own.code).toBe(0);
      expect(own.err).toContain(
        `takes 8 of 24 shards: index ${index} of 3, by JOB_COMPLETION_INDEX=${index}, SHARD_COUNT=3`,
      );
      expect(own.err).toContain('finished: 8 of 8 shards, 64 images');
    }
    expect(contents(at('shared'))).toEqual(contents(whole('jsonl')));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('come from folders and lists as well, cut into files of so many rows', async () => {
    const list = at('list.csv');
    const names = readdirSync(at('photos')).slice(0, 10);
    writeFileSync(
      list,
      `file_name,key\n${names.map((name, i) => `${name},k${i}`).join('\n')}\ngone.png,\n,k11\n`,
    );
    const argv = [
      '--input',
      list,
      '--images',
      at('photos'),
      '--output',
      at('listed'),
      '--rows-per-shard',
      '5',
    ];
    const { code, err } = await showtell(...argv);
    expect({ code, err }).toMatchObject({
      code: 0,
      err: expect.stringContaining('12 images, 2 of them with an error'),
    });
    expect(outputs(at('listed'))).toEqual(['list-00000.jsonl', 'list-00001.jsonl', 'list-00002.jsonl']);
    const last = await rowsOf(at('listed', 'list-00002.jsonl'));
    expect(last.map(({ key }) => key)).toEqual(['gone.png', 'k11']);
    expect(last[0].error).toMatch(/gone\.png does not exist/);
    expect(last[1].error).toMatch(/column "file_name" of row 12 is empty/);
    const folder = await showtell(
      '--input',
      at('photos'),
      '--output',
      at('folder'),
      '--rows-per-shard',
      '100',
    );
    expect(folder.code).toBe(0);
    const [first] = await rowsOf(at('folder', 'photos-00001.jsonl'));
    const [same] = (await rowsOf(join(whole('jsonl'), '00012.jsonl'))).slice(4);
    expect(first).toMatchObject({ key: `${same.key}.png`, caption: same.caption });
  });

  it('survive bad images as rows, and bad shards by name and byte', async () => {
    const tars = at('bad');
    mkdirSync(tars);
    cpSync(at('tars', '00000.tar'), join(tars, 'good.tar'));
    cpSync(at('tars', '00001.tar'), join(tars, 'cut.tar'));
    truncateSync(join(tars, 'cut.tar'), 3000);
    const photo = readFileSync(at('photos', `${image(0, 0)}.png`));
    await writeTar(join(tars, 'mixed.tar'), [
      ['a.jpg', Buffer.from('no photo')],
      ['b.txt', Buffer.from('no image at all')],
      ['c.txt', Buffer.from('')],
      ['c.png', photo],
      ['c.jpg', Buffer.alloc(0)],
      ['d.png', photo],
    ]);
    const { code, err } = await showtell('--input', join(tars, '*.tar'), '--output', at('survived'));
    expect(code).toBe(1);
    expect(err).toMatch(/The shard .*cut\.tar is damaged at byte 3000: it ends where a file should begin/);
    expect(err).toMatch(/1 of 3 shards could not be captioned: cut$/m);
    expect(err).not.toMatch(/\n\s+at /);
    expect(outputs(at('survived'))).toEqual(['good.jsonl', 'mixed.jsonl']);
    const rows = await rowsOf(at('survived', 'mixed.jsonl'));
    expect(rows.map(({ key, error }) => [key, error === null])).toEqual([
      ...[
        ['a', false],
        ['c', false],
        ['d', true],
      ], // of c the jpg is taken, which is empty
    ]);
    expect(rows[0]).toMatchObject({ caption: null, logProbability: null });
    expect(rows[0].error).toMatch(/a\.jpg cannot be decoded/);
    // Mended, it is the only one that is left to do.
    cpSync(at('tars', '00001.tar'), join(tars, 'cut.tar'));
    const again = await showtell('--input', join(tars, '*.tar'), '--output', at('survived'));
    expect(again).toMatchObject({
      code: 0,
      err: expect.stringContaining('finished: 1 of 1 shards, 8 images'),
    });
  });

  it('refuse an output of other settings or of another input, unless it may be overwritten', async () => {
    const [tars, output] = [at('changing'), at('settled')];
    mkdirSync(tars);
    for (const name of ['00000.tar', '00001.tar']) cpSync(at('tars', name), join(tars, name));
    const run = (...more: string[]) => showtell('--input', join(tars, '*.tar'), '--output', output, ...more);
    expect((await run()).code).toBe(0);
    const before = contents(output);
    const beam = await run('--beam', '2');
    expect(beam).toMatchObject({
      code: 1,
      err: expect.stringMatching(/other settings: decoding greedy.* -> beam 2/),
    });
    const format = await run('--format', 'parquet');
    expect(format).toMatchObject({ code: 1, err: expect.stringContaining('format jsonl -> parquet') });
    expect(contents(output)).toEqual(before);
    expect((await run('--beam', '2', '--overwrite')).err).toContain('finished: 2 of 2 shards');
    expect((await run('--beam', '2')).err).toContain('finished: 0 of 0 shards');
    cpSync(at('photos'), tars, { recursive: true });
    await writeTar(join(tars, '00001.tar'), [['a.png', readFileSync(at('photos', `${image(0, 0)}.png`))]]);
    const changed = await run('--beam', '2');
    expect(changed).toMatchObject({
      code: 1,
      err: expect.stringMatching(/00001\.jsonl \(of another input\)/),
    });
    expect((await run('--beam', '2', '--overwrite')).err).toContain('finished: 1 of 1 shards, 1 images');
  });

  it('end by Ctrl-C with nothing half-written, and go on behind it', async () => {
    const controller = new AbortController();
    const log = {
      ...silentLog,
      info: (line: string) => {
        if (line.startsWith('00002')) controller.abort(new Error('stopped'));
      },
    };
    const options = {
      ...{ checkpoint: at('model'), inputs: [at('tars', '*.tar')], output: at('stopped') },
      ...{ search: { maxWords: 5 }, log },
    };
    await expect(captionShards({ ...options, signal: controller.signal })).rejects.toThrow('stopped');
    expect(outputs(at('stopped'))).toEqual(['00000.jsonl', '00001.jsonl', '00002.jsonl']);
    expect(await captionShards({ ...options, log: silentLog })).toMatchObject({
      before: 3,
      taken: 24,
      images: 168,
    });
    expect(contents(at('stopped'))).toEqual(contents(whole('jsonl')));
  });

  it('wait for a shard that another process captions, and take it over when that one gives it up', async () => {
    const options = {
      ...{ checkpoint: at('model'), inputs: [at('tars', '0000{0,1}.tar')], output: at('locked') },
      search: { maxWords: 5 },
    };
    mkdirSync(at('locked', '_showtell'), { recursive: true });
    const lock = Lock.take(at('locked', '_showtell', '00000.lock')) as Lock;
    const controller = new AbortController();
    const waiting = (line: string) => line.includes('waiting for its lock');
    const stopping = {
      ...silentLog,
      info: (line: string) => void (waiting(line) && controller.abort(new Error('stopped'))),
    };
    await expect(captionShards({ ...options, log: stopping, signal: controller.signal })).rejects.toThrow(
      'stopped',
    );
    const said: string[] = [];
    const running = captionShards({ ...options, log: { ...silentLog, info: (line) => said.push(line) } });
    while (!said.some(waiting)) await sleep(20);
    expect(outputs(at('locked'))).toEqual(['00001.jsonl']);
    lock.release();
    expect(await running).toMatchObject({ taken: 2, before: 1, images: 8 });
    expect(outputs(at('locked'))).toEqual(['00000.jsonl', '00001.jsonl']);
  });

  it('clear away the lock of a process that was killed when its output was complete', async () => {
    const options = {
      ...{ checkpoint: at('model'), inputs: [at('tars', '0000{0,1}.tar')], output: at('left') },
      ...{ search: { maxWords: 5 }, log: silentLog },
    };
    await captionShards(options);
    const lock = (name: string) => at('left', '_showtell', `${name}.lock`);
    // Process ids do not reach that far.
    writeFileSync(lock('00000'), JSON.stringify({ pid: 2 ** 30, host: hostname(), token: 'dead' }));
    const held = Lock.take(lock('00001')) as Lock;
    expect(await captionShards(options)).toMatchObject({ before: 2, images: 0 });
    expect([existsSync(lock('00000')), existsSync(lock('00001'))]).toEqual([false, true]);
    held.release();
  });

  it.each<[string, () => string[], RegExp]>([
    ['an input without an output', () => ['--input', at('tars', '*.tar')], /--input goes with --output/],
    ['an output without an input', () => ['--output', at('x')], /--output goes with --input/],
    [
      'an option of shards alone',
      () => ['--shard-index', '0', 'a.png'],
      /a\.png does not go with --shard-index/,
    ],
    [
      'JSON on standard output',
      () => ['--input', at('tars'), '--output', at('x'), '--json'],
      /--json does not go/,
    ],
    [
      'an index alone',
      () => ['--input', at('tars'), '--output', at('x'), '--shard-index', '0'],
      /--shard-count N/,
    ],
    ['a file as output', () => ['--input', at('tars', '*.tar'), '--output', at('list.csv')], /is a file/],
    [
      'no batch',
      () => ['--input', at('tars', '*.tar'), '--output', at('x'), '--batch-size', '0'],
      /batch size is 0/,
    ],
    ['a wrong beam', () => ['--input', at('tars', '*.tar'), '--output', at('x'), '--beam', '0'], /beam is 0/],
  ])('refuse %s', async (_, argv, message) => {
    const { code, out, err } = await showtell(...argv());
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
    expect(existsSync(at('x'))).toBe(false);
  });
});
