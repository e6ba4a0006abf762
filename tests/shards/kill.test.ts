/** Captions of shards by a process that is killed again and again. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/index.js';
import { contents, outputs, rowsOf, writeShards } from './shards.js';

const { at, whole, remove } = await writeShards();
afterAll(remove);

const KILLS = 50;

describe('kill -9', { timeout: 600_000 }, () => {
  const program = fileURLToPath(new URL('../../bin/showtell.mjs', import.meta.url));

  /** @param killAfter finished shards and milliseconds more, after which the process is killed */
  function run(output: string, format: string, killAfter?: { shards: number; milliseconds: number }) {
    const argv = ['--input', at('tars', '*.tar'), '--output', output, '--format', format, '--max-words', '5'];
    return new Promise<{ code: number | null; said: string }>((resolve) => {
      const child = spawn(process.execPath, [program, 'caption', '--checkpoint', at('model'), ...argv], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      let ending = false;
      const check = () => {
        if (!killAfter || ending || said.split('images/s\n').length - 1 < killAfter.shards) return;
        ending = true;
        setTimeout(() => child.kill('SIGKILL'), killAfter.milliseconds);
      };
      check();
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        check();
      });
      child.on('close', (code) => resolve({ code, said }));
    });
  }

  it.each([
    ['jsonl', KILLS],
    ['parquet', Math.ceil(KILLS / 3)],
  ])('at random moments costs %s no more than the shard at hand', async (format, most) => {
    const output = at(`killed-${format}`);
    const random = Random.from(`kill ${format}`);
    let [kills, finished] = [0, 0];
    while (kills < most && finished < 3 + most / 4) {
      // Every third is killed while it starts.
      const moment = { shards: random.integer(3), milliseconds: random.integer(60) };
      if (kills % 3 === 2) Object.assign(moment, { shards: 0, milliseconds: random.integer(1500) });
      const { code } = await run(output, format, moment);
      if (code === null) kills++;
      else finished++;
      // What is there is whole, and what it will stay.
      for (const name of existsSync(output) ? outputs(output).filter((one) => !one.startsWith('.')) : []) {
        expect(readFileSync(join(output, name))).toEqual(readFileSync(join(whole(format), name)));
      }
      // From the start again where it came to its end.
      if (code === 0) {
        expect(contents(output)).toEqual(contents(whole(format)));
        rmSync(output, { recursive: true });
      }
    }
    expect(kills).toBeGreaterThanOrEqual(most / 4);
    const { code, said } = await run(output, format);
    expect({ code, said }).toMatchObject({ code: 0 });
    // Nothing of the killed ones is left, every image is in one row.
    expect(contents(output)).toEqual(contents(whole(format)));
    const rows = await Promise.all(outputs(output).map((name) => rowsOf(join(output, name))));
    const keys = rows.flat().map(({ key }) => key);
    expect(keys.sort()).toEqual(readdirSync(at('photos')).map((name) => name.slice(0, -4)));
    expect(
      readdirSync(join(output, '_showtell')).filter((name) => /\.lock$|^\.\d+\.json\./.test(name)),
    ).toEqual([]);
  });
});
