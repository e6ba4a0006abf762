/** The processes that watch a training's ranks, with parents that only sleep. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DONE, type Meeting, type Orders } from '../../src/train/watch-process.js';

// Compiled, as the trainer starts it.
const file = fileURLToPath(new URL('../../dist/train/watch-process.js', import.meta.url));
const token = 'the right one';

let output: string;
let started: ChildProcess[];

beforeEach(() => {
  output = mkdtempSync(join(tmpdir(), 'showtell-watch-'));
  mkdirSync(join(output, 'state'));
  const position = { epoch: 3, batch: 5, step: 17 };
  writeFileSync(join(output, 'state', 'state.json'), JSON.stringify({ position }));
  started = [];
});

afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(output, { recursive: true, force: true });
});

function begin(program: string, argv: string[]): ChildProcess {
  const child = spawn(program, argv, { stdio: 'pipe' });
  started.push(child);
  return child;
}

/** A rank that sleeps, and its watch on a host of its own. */
function startRank(rank: number, meeting: Meeting) {
  const parent = begin('sleep', ['600']);
  const parentEnded = once(parent, 'exit');
  const watch = begin(process.execPath, [file]);
  let said = '';
  watch.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(watch, 'close').then(() => said);
  const orders: Orders = { output, parent: parent.pid!, rank, host: `host${rank}`, meeting };
  watch.stdin!.write(`${JSON.stringify(orders)}\n`);
  return {
    ...{ watch, parent, ended, parentEnded },
    /** What the operating system does for a rank that is killed. */
    kill() {
      parent.kill('SIGKILL');
      watch.stdin!.end();
    },
    end: () => void watch.stdin!.end(DONE),
  };
}

/** A rank 0 and two others, in touch. */
async function startAll() {
  const meeting = { host: 'host0', pid: 1, token, addresses: ['127.0.0.1'], port: 0 };
  const zero = startRank(0, meeting);
  const [port] = (await once(zero.watch.stdout!, 'data')) as [Buffer];
  const others = [1, 2].map((rank) => startRank(rank, { ...meeting, port: Number(port.toString()) }));
  // A beat each, so that both were met.
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  return { zero, others, port: Number(port.toString()) };
}

const saved = 'it was last saved in epoch 3 behind batch 5, step 17; go on with showtell train --resume';

describe('watches', { timeout: 60_000 }, () => {
  it('say nothing when all is done, whoever ends first', async () => {
    const { zero, others } = await startAll();
    others[0].end();
    zero.end();
    others[1].end();
    expect(await Promise.all([zero, ...others].map(({ ended }) => ended))).toEqual(['', '', '']);
    for (const { parent } of [zero, ...others]) expect(parent.exitCode ?? parent.signalCode).toBeNull();
  });

  it('name a rank that died, once, and end those that wait for it', async () => {
    const { zero, others } = await startAll();
    others[1].kill();
    const ends = [zero, others[0]].map(async ({ parentEnded, watch }) => {
      expect(await parentEnded).toEqual([null, 'SIGKILL']);
      watch.stdin!.end();
    });
    await Promise.all(ends);
    expect(await Promise.all([zero, ...others].map(({ ended }) => ended))).toEqual([
      `error: rank 2 of the training in ${output} died on host host2; ${saved} ${output}\n`,
      '',
      '',
    ]);
  });

  it('name rank 0 when its host is gone, and free what it wrote to', async () => {
    writeFileSync(join(output, 'lock'), JSON.stringify({ pid: 1, host: 'host0', token: 'x' }));
    const { zero, others } = await startAll();
    zero.watch.kill('SIGKILL');
    await Promise.all(others.map(({ parentEnded }) => parentEnded));
    for (const { watch } of others) watch.stdin!.end();
    const text = `error: rank 0 of the training in ${output} is gone with host host0; ${saved} ${output}\n`;
    expect(await Promise.all(others.map(({ ended }) => ended))).toEqual([text, text]);
    expect(existsSync(join(output, 'lock'))).toBe(false);
  });

  it('name a host that is silent', async () => {
    const { zero, others } = await startAll();
    others[0].watch.kill('SIGSTOP');
    await zero.parentEnded;
    zero.watch.stdin!.end();
    expect(await zero.ended).toBe(
      `error: rank 1 of the training in ${output} on host host1 has not been heard of for 12 s; ${saved} ${output}\n`,
    );
  });

  it('hear no stranger', async () => {
    const { zero, others, port } = await startAll();
    const evil = JSON.stringify({ token: 'a wrong one', rank: 1, host: 'evil' });
    for (const hello of ['null', '[]', '1', 'no JSON', evil]) {
      const stranger = connect(port, '127.0.0.1');
      stranger.end(`${hello}\ndied\n`);
      stranger.resume();
      await once(stranger, 'close');
    }
    // One that says nothing is not kept.
    const silent = connect(port, '127.0.0.1');
    silent.resume();
    await once(silent, 'close');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    for (const rank of [zero, ...others]) rank.end();
    expect(await Promise.all([zero, ...others].map(({ ended }) => ended))).toEqual(['', '', '']);
  });

  it('warn where rank 0 cannot be reached', async () => {
    const meeting = { host: 'host0', pid: 1, token, addresses: ['127.0.0.1'], port: 1 };
    const lonely = startRank(1, meeting);
    await once(lonely.watch.stderr!, 'data');
    lonely.kill();
    expect(await lonely.ended).toMatch(
      /^warning: rank 1 on host host1 cannot keep in touch with rank 0 \(connect ECONNREFUSED 127\.0\.0\.1:1\): .*\nerror: rank 1 of the training in \S+ died on host host1; /,
    );
  });
});
