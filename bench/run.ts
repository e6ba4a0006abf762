/**
 * Measures showtell, on request side by side with PyTorch:
 *
 *   npm run bench -- [training|operations|growth|finetuning|epoch|encoding|captions|startup|memory|metrics|serving|shards|allreduce|cost-model|corpus|wasm ..] [--json FILE] [--peer PYTHON] [--rounds N]
 *                    [--images DIR] [--checkpoint DIR] [--shard-images N] [--corpus-images N,N,..]
 *                    [--core-hour PRICE] [--exchange-rate GBYTES] [--bucket MIB]
 *
 * Every case runs in a process of its own, after a warm-up; the table shows medians and quartiles over all repeats.
 * With --peer, an interpreter that has PyTorch, both sides take turns for N rounds. `cost-model` predicts what many workers
 * would do; with `shards`, what captioning would cost as well. --exchange-rate is what an all-reduce of two workers in one
 * machine's memory reaches, in GB/s, --bucket what it sums in one call.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../src/core/index.js';
import { hasMpirun } from './allreduce.js';
import { allCases, benches, defaultCheckpoint, type Case } from './cases.js';
import { median, type Measurement } from './measure.js';
import { formatCaptioning, formatPredictions, type Exchange, type Prices } from './cost-model.js';
import { runCase, runPeer } from './processes.js';
import { describeMachine, formatMachine, formatResult, ratio, type Result, type Side } from './report.js';
import { drawPhotos } from './synthetic.js';

/** Photos drawn where no folder is given. */
const DRAWN = 512;

function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

function readArguments(root: string) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      peer: { type: 'string' },
      rounds: { type: 'string' },
      images: { type: 'string' },
      checkpoint: { type: 'string' },
      'shard-images': { type: 'string' },
      'core-hour': { type: 'string' },
      'exchange-rate': { type: 'string' },
      bucket: { type: 'string' },
      'corpus-images': { type: 'string' },
    },
  });
  const unknown = positionals.filter((name) => !(benches as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new Error(`no bench is called ${unknown.join(', ')}; there are: ${benches.join(', ')}`);
  const rounds = Number(values.rounds ?? (values.peer ? 3 : 1));
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds ${values.rounds}: expected 1 or more`);
  const shardImages = Number(values['shard-images'] ?? 2000);
  if (!Number.isInteger(shardImages) || shardImages < 1)
    throw new Error(`--shard-images ${values['shard-images']}: expected 1 or more`);
  const positive = (name: 'core-hour' | 'exchange-rate' | 'bucket', usual: number) => {
    const value = Number(values[name] ?? usual);
    if (!(value > 0 && value < Infinity)) throw new Error(`--${name} ${values[name]}: expected more than 0`);
    return value;
  };
  const corpusImages = (values['corpus-images'] ?? '10000,100000,1000000').split(',').map(Number);
  if (!corpusImages.every((count) => Number.isInteger(count) && count > 0)) {
    throw new Error(
      `--corpus-images ${values['corpus-images']}: expected numbers of 1 or more, as 10000,100000`,
    );
  }
  if (values.images && !existsSync(values.images)) throw new Error(`there is no folder ${values.images}`);
  return {
    // A million images take a quarter of an hour: only where they are asked for.
    names:
      positionals.length > 0
        ? positionals
        : benches.filter((name) => name !== 'corpus' && (name !== 'allreduce' || hasMpirun())),
    json: values.json,
    peer: values.peer,
    rounds,
    images: values.images && resolve(values.images),
    shardImages,
    coreHour: positive('core-hour', 0.04),
    exchange: { rate: 1e9 * positive('exchange-rate', 1.25), bucket: 2 ** 20 * positive('bucket', 4) },
    corpusImages,
    checkpoint: values.checkpoint ? resolve(values.checkpoint) : defaultCheckpoint(root),
  };
}

function collect(side: Side, { values, facts }: Measurement): void {
  side.values.push(...values);
  side.facts = facts ?? {};
}

/** All rounds of a case, showtell and its peers in turn. */
async function measure(one: Case, root: string, rounds: number, python: string | undefined): Promise<Result> {
  const peers = python ? one.peers : [];
  const result: Result = {
    case: one,
    showtell: { label: 'showtell', values: [], facts: {} },
    peers: peers.map(({ label }) => ({ label, values: [], facts: {} })),
  };
  for (let round = 0; round < (peers.length > 0 ? rounds : 1); round++) {
    collect(result.showtell, await runCase(one));
    const { device = 'CPU' } = result.showtell.facts;
    for (const [i, peer] of peers.entries()) {
      const options = { ...peer.options, device };
      collect(result.peers[i], await runPeer(python!, root, { ...peer, options }));
    }
  }
  return result;
}

/** What follows from the measured steps of `cost-model`, and the rate of `shards`; empty without the former. */
function predictions(results: readonly Result[], settings: Prices & { exchange: Exchange }): string {
  const of = (bench: Case['bench']) => results.filter((result) => result.case.bench === bench);
  const workloads = of('cost-model').map(({ case: { label }, showtell: { values, facts } }) => ({
    ...{ label, step: median(values) / 1000, images: Number(facts.images) },
    ...{ bytes: Number(facts['gradient bytes']), cores: Number(facts.threads) },
  }));
  if (workloads.length === 0) return '';
  const rates = of('shards').map(({ showtell: { values, facts } }) => median(values) / Number(facts.threads));
  return [
    formatPredictions(workloads, settings.exchange, settings),
    ...rates.map((rate) => formatCaptioning(rate, settings)),
  ].join('\n\n');
}

async function main(): Promise<void> {
  const root = packageRoot();
  const settings = readArguments(root);
  const machine = describeMachine();
  console.log(`${formatMachine(machine)}\n`);

  const drawn = settings.images === undefined;
  const images = settings.images ?? mkdtempSync(join(tmpdir(), 'showtell-bench-photos-'));
  try {
    const photos = ['encoding', 'epoch', 'serving', 'shards'].some((name) => settings.names.includes(name));
    if (drawn && photos) await drawPhotos(images, DRAWN);
    const cases = allCases({
      ...{ root, images, drawn },
      ...{
        checkpoint: settings.checkpoint,
        shardImages: settings.shardImages,
        corpusImages: settings.corpusImages,
      },
    });
    const results: Result[] = [];
    for (const one of cases.filter(({ bench }) => settings.names.includes(bench))) {
      const result = await measure(one, root, settings.rounds, settings.peer);
      results.push(result);
      console.log(`${formatResult(result)}\n`);
    }
    const predicted = predictions(results, settings);
    if (predicted) console.log(predicted);
    if (settings.json) {
      const report = {
        date: new Date().toISOString(),
        machine,
        results: results.map((result) => ({
          bench: result.case.bench,
          label: result.case.label,
          unit: result.case.unit,
          showtell: result.showtell,
          peers: result.peers.map((peer) => ({ ...peer, ratio: ratio(result, peer) })),
        })),
      };
      writeFileSync(settings.json, `${JSON.stringify(report, null, 2)}\n`);
    }
  } finally {
    if (drawn) rmSync(images, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${messageOf(error)}`);
  process.exitCode = 1;
}
