/** The table of a run, and the machine it ran on. */
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import type { Case } from './cases.js';
import { median, quantile } from './measure.js';

/** All rounds of one side together. */
export interface Side {
  /** `showtell`, or what the peer is. */
  label: string;
  values: number[];
  facts: Record<string, string | number>;
}

export interface Result {
  case: Case;
  showtell: Side;
  peers: Side[];
}

export interface Machine {
  cpu: string;
  cores: number;
  memoryGiB: number;
  system: string;
  node: string;
  /** Over the last minute, before the first case: more than about 0.5 means that others compute as well. */
  load: number;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    node: process.versions.node,
    load: Number(loadavg()[0].toFixed(2)),
  };
}

const digits = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);

/** `median (lower quartile to upper quartile)`; a single value stands alone. */
function spread(values: readonly number[]): string {
  const middle = digits(median(values));
  if (values.length === 1) return middle;
  return `${middle} (${digits(quantile(values, 0.25))} to ${digits(quantile(values, 0.75))})`;
}

/** Times better than the peer: above 1 showtell is ahead. */
export function ratio({ case: { larger }, showtell }: Result, peer: Side): number {
  const [ours, theirs] = [median(showtell.values), median(peer.values)];
  return larger ? ours / theirs : theirs / ours;
}

/** Lines for one result. */
export function formatResult(result: Result): string {
  const { bench, label, unit } = result.case;
  const rows = [
    ['showtell', spread(result.showtell.values), ''],
    ...result.peers.map((peer) => [peer.label, spread(peer.values), `${ratio(result, peer).toFixed(2)} x`]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const facts = [result.showtell, ...result.peers].map(({ label: side, facts: known }) =>
    Object.entries(known).length === 0
      ? ''
      : `    ${side}: ${Object.entries(known)
          .map(([key, value]) => `${key} ${value}`)
          .join(', ')}`,
  );
  return [
    `${bench}: ${label} [${unit}]`,
    ...rows.map(
      ([name, value, times]) => `  ${name.padEnd(width)}  ${value}${times && `   showtell ${times}`}`,
    ),
    ...facts.filter((line) => line !== ''),
  ].join('\n');
}

export function formatMachine({ cpu, cores, memoryGiB, system, node, load }: Machine): string {
  const busy = load > 0.5 ? ' (other work was running: expect lower numbers)' : '';
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}, load ${load}${busy}`;
}
