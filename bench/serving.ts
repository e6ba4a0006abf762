/**
 * Photos/s of `showtell serve` with many keep-alive clients on loopback, beside one client at a time and beside the
 * encoder and decoder alone, on the same cores in the same run. The clients share those cores.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Agent, request } from 'undici';
import { readCheckpointConfig } from '../src/checkpoint/index.js';
import { Captioner, prepareImage } from '../src/infer/index.js';
import { quantile, slope, type Measurement } from './measure.js';

export interface ServingOptions {
  /** Folder of the package. */
  root: string;
  checkpoint: string;
  /** Folder of JPEG files. */
  images: string;
  clients: number;
  batch: number;
  /** 1 is greedy. */
  beam: number;
  /** Requests of the measured run with all clients, in `repeats` parts of equal size. */
  requests: number;
  repeats: number;
}

const PHOTOS = 64;
const MiB = 2 ** 20;
/** RSS counts as flat when its line over the run rises by less than this share of it. */
const FLAT = 0.02;

export async function measureServing(options: ServingOptions): Promise<Measurement> {
  const names = readdirSync(options.images).filter((name) => /\.jpe?g$/i.test(name));
  const photos = names
    .sort()
    .slice(0, PHOTOS)
    .map((name) => readFileSync(join(options.images, name)));
  if (photos.length === 0) throw new Error(`${options.images} holds no JPEG file`);

  const service = await start(options);
  const agent = new Agent({ connections: options.clients, pipelining: 1 });
  const url = `${service.url}/api/captions?beam=${options.beam}`;
  const readings: { x: number; y: number }[] = []; // requests, MiB
  const each = Math.floor(options.requests / options.repeats);
  const [values, milliseconds]: number[][] = [[], []];
  let single: number;
  try {
    single = (await drive(url, agent, photos, 1, 60)).rate;
    await drive(url, agent, photos, options.clients, 4 * options.clients);
    for (let part = 0; part < options.repeats; part++) {
      const run = await drive(url, agent, photos, options.clients, each);
      values.push(run.rate);
      milliseconds.push(...run.milliseconds);
      readings.push({ x: part * each, y: residentBytes(service.child.pid!) / MiB });
    }
  } finally {
    await agent.close();
    service.child.kill('SIGTERM');
    await once(service.child, 'exit');
  }
  const alone = await computeAlone(options, photos);
  const rate = quantile(values, 0.5);
  const growth = slope(readings) * (readings.at(-1)!.x - readings[0].x);
  const round = (value: number) => value.toFixed(1);
  return {
    values,
    facts: {
      'one client': `${round(single)} photos/s, ${(rate / single).toFixed(2)} x`,
      'model alone': `${round(alone)} photos/s, ${(100 * (rate / alone)).toFixed(0)} %`,
      p50: `${quantile(milliseconds, 0.5).toFixed(0)} ms`,
      p99: `${quantile(milliseconds, 0.99).toFixed(0)} ms`,
      requests: milliseconds.length,
      RSS: `${readings[0].y.toFixed(0)} -> ${readings.at(-1)!.y.toFixed(0)} MiB, ${
        growth < FLAT * readings[0].y ? 'flat' : `growing by ${growth.toFixed(0)} MiB`
      }`,
    },
  };
}

async function start(options: ServingOptions): Promise<{ child: ChildProcess; url: string }> {
  const argv = [
    'serve',
    '--checkpoint',
    options.checkpoint,
    '--port',
    '0',
    '--batch-size',
    String(options.batch),
  ];
  const child = spawn(process.execPath, [join(options.root, 'bin', 'showtell.mjs'), ...argv], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const failed = once(child, 'exit').then(() => Promise.reject(new Error('the service ended early')));
  const [url] = (await Promise.race([once(createInterface(child.stdout), 'line'), failed])) as [string];
  failed.catch(() => {}); // it ends when it is told to
  return { child, url };
}

/** Each client sends its next request when it has its answer. */
async function drive(
  url: string,
  agent: Agent,
  photos: readonly Buffer[],
  clients: number,
  requests: number,
): Promise<{ rate: number; milliseconds: number[] }> {
  const milliseconds: number[] = [];
  let sent = 0;
  const client = async () => {
    while (sent < requests) {
      const body = photos[sent++ % photos.length];
      const began = performance.now();
      const headers = { 'content-type': 'image/jpeg' };
      const answer = await request(url, { method: 'POST', headers, body, dispatcher: agent });
      const text = await answer.body.text();
      if (answer.statusCode !== 200) throw new Error(`the service answered ${answer.statusCode}: ${text}`);
      milliseconds.push(performance.now() - began);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: clients }, client));
  return { rate: (1000 * requests) / (performance.now() - began), milliseconds };
}

/** The compute limit: full batches of ready pixels through encoder and decoder, nothing else. */
async function computeAlone(options: ServingOptions, photos: readonly Buffer[]): Promise<number> {
  const { image } = readCheckpointConfig(options.checkpoint);
  const prepared = await Promise.all(photos.map((photo) => prepareImage(photo, image)));
  const captioner = await Captioner.load(options.checkpoint);
  const rates: number[] = [];
  for (let round = 0; round < 6; round++) {
    const began = performance.now();
    for (let i = 0; i < prepared.length; i += options.batch) {
      captioner.captionPrepared(prepared.slice(i, i + options.batch), { beam: options.beam });
    }
    if (round > 0) rates.push((1000 * prepared.length) / (performance.now() - began));
  }
  captioner.dispose();
  return quantile(rates, 0.5);
}

/** Of a process and its children, on Linux. */
function residentBytes(pid: number): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // The name of the program, in brackets, may hold anything.
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      parents.set(Number(name), Number(fields[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  const family = [pid];
  for (const member of family) {
    for (const [child, parent] of parents) if (parent === member) family.push(child);
  }
  return family.reduce((sum, member) => {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${member}/status`, 'utf8'))?.[1];
    return sum + 1024 * Number(kib ?? 0);
  }, 0);
}
