import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatConfig, type ConfigInput } from '../config/index.js';
import { Lock } from '../core/index.js';
import { runCommand } from '../../tests/command-line.js';
import { tinyConfig } from '../../tests/tiny.js';

const folder = mkdtempSync(join(tmpdir(), 'showtell-runs-'));
let lock: Lock;

function write(name: string, training: ConfigInput['training'], lines: object[], rest = ''): void {
  const directory = join(folder, name);
  mkdirSync(directory);
  writeFileSync(join(directory, 'config.yaml'), formatConfig(tinyConfig('data', { training })));
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  writeFileSync(join(directory, 'metrics.jsonl'), text + rest);
}

const step = (at: number, loss: number) => ({
  ...{ event: 'step', epoch: 1, step: at, loss, gradientNorm: 1, learningRate: 1e-3 },
  ...{ wordsPerSecond: 1000, seconds: 30 * at },
});
const epoch = (number: number, bleu4: number, best: boolean) => ({
  ...{ event: 'epoch', epoch: number, step: 10 * number, trainLoss: 2, best },
  validation: { images: 4, bleu: [0.6, 0.4, 0.3, bleu4], ciderD: 0.5 },
  samples: [],
  ...{ wordsPerSecond: 2000, seconds: 4000 * number },
});

async function run(...argv: string[]) {
  const result = await runCommand(['runs', ...argv]);
  return { ...result, lines: result.out.trimEnd().split('\n') };
}

beforeAll(() => {
  write('ended', { epochs: 2 }, [step(5, 3), epoch(1, 0.2, true), epoch(2, 0.15, false)]);
  write('running', { epochs: 2, learningRate: 0.5 }, [step(5, 3.25)], '{"event":"st');
  write('stopped', { epochs: 3, learningRate: 0.5 }, [epoch(1, 0.1, true)]);
  lock = Lock.take(join(folder, 'running', 'lock')) as Lock;
});
afterAll(() => {
  lock.release();
  rmSync(folder, { recursive: true, force: true });
});

it('lists trainings with their states, scores and the settings that set them apart', async () => {
  const { code, lines } = await run(folder);
  expect(code).toBe(0);
  expect(lines[0]).toMatch(/^training +state +epochs +best +BLEU-1\.\.4 +CIDEr-D +loss +words\/s +time$/);
  expect(lines[1]).toMatch(
    /^ended +ended +2\/2 +1 +60\.0 40\.0 30\.0 20\.0 +50\.0 +2\.000 +2000 +2 h 13 min$/,
  );
  expect(lines[2]).toMatch(/^running +running +0\/2 +3\.250 +1000 +3 min$/);
  expect(lines[3]).toMatch(/^stopped +stopped +1\/3 +1 /);
  expect(lines[5]).toMatch(/^settings that differ +ended +running +stopped$/);
  expect(lines.slice(6)).toEqual([
    expect.stringMatching(/^training\.epochs +2 +2 +3$/),
    expect.stringMatching(/^training\.learningRate +0\.001 +0\.5 +0\.5$/),
  ]);
});

it('takes single trainings, and gives JSON', async () => {
  const { lines } = await run(join(folder, 'ended'));
  expect(lines).toHaveLength(2);
  const runs = JSON.parse((await run(folder, '--json')).out) as { state: string }[];
  expect(runs.map(({ state }) => state)).toEqual(['ended', 'running', 'stopped']);
});

it('writes a page of one training, or of several', async () => {
  const page = join(folder, 'pages', 'report.html');
  const titleOf = () => /<h1>([^<]*)/.exec(readFileSync(page, 'utf8'))?.[1];
  expect(await run(join(folder, 'ended'), '--report', page)).toMatchObject({ code: 0 });
  expect(titleOf()).toBe('tiny');
  const { err } = await run(folder, '--report', page);
  expect(err).toContain(`written: ${page}`);
  expect(titleOf()).toBe('3 trainings compared');
  expect((await run(folder, '--report', folder)).err).toMatch(/--report .* is a folder/);
  rmSync(join(folder, 'pages'), { recursive: true });
});

it('says what is wrong with a folder', async () => {
  expect((await run(join(folder, 'none'))).err).toMatch(/there is no folder/);
  mkdirSync(join(folder, 'empty'));
  expect(await run(join(folder, 'empty'))).toMatchObject({ code: 1 });
  write('broken', {}, [], 'no JSON\n');
  const { code, err, lines } = await run(folder);
  expect(code).toBe(0);
  expect(err).toMatch(/broken is left out: .*metrics\.jsonl:1 is not JSON/);
  expect(lines[3]).toMatch(/^stopped/);
  rmSync(join(folder, 'broken'), { recursive: true });
});
