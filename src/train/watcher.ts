/**
 * Says which process of a training died, and what was saved; ends the others where a host is lost. A process that is killed
 * cannot, and those that wait for it in MPI's calls do nothing else: each has a process beside it that watches
 * (`watch-process.ts`), and these keep in touch.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Readable } from 'node:stream';
import type { World } from '../distributed/index.js';
import { DONE, type Meeting, type Orders } from './watch-process.js';

/** Called by all processes alike. @returns what ends the watch without a word */
export async function watch(output: string, world: World): Promise<() => void> {
  const host = hostname();
  const start = (meeting: Meeting) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('./watch-process.js', import.meta.url))], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true, // the launcher kills a whole group
    });
    child.on('error', () => undefined); // without a watch only the launcher notices
    child.unref();
    child.stdin.on('error', () => undefined); // it is gone
    const orders: Orders = { output, parent: process.pid, rank: world.rank, host, meeting };
    child.stdin.write(`${JSON.stringify(orders)}\n`);
    return { said: child.stdout, end: () => void child.stdin.end(DONE) };
  };
  if (world.rank > 0) {
    const { said, end } = start(JSON.parse(world.gather('')[0]) as Meeting);
    said.destroy(); // nothing, and it would keep this process
    return end;
  }
  const token = randomBytes(16).toString('hex');
  const meeting: Meeting = { host, pid: process.pid, token, addresses: ownAddresses(), port: 0 };
  const { said, end } = start(meeting);
  world.gather(JSON.stringify({ ...meeting, port: await portOf(said) }));
  return end;
}

/** That the watch of rank 0 listens to. @returns 0 where it has none */
async function portOf(said: Readable): Promise<number> {
  for await (const port of said) return Number(port);
  return 0;
}

/** Where other hosts may reach this one, and last where it reaches itself. */
function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  // Link-local ones mean something else on every host.
  const usable = all.filter(({ address }) => !address.startsWith('fe80:'));
  return usable.sort((a, b) => Number(a.internal) - Number(b.internal)).map(({ address }) => address);
}
