/** The processes of this machine, this one and others. */
import { readFileSync } from 'node:fs';

/** Whether a process of that number runs; one that has ended but was not yet collected by its parent does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
  if (process.platform !== 'linux') return true;
  try {
    // `pid (name) state`, where the name may hold anything.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.charAt(text.lastIndexOf(')') + 2) !== 'Z';
  } catch {
    return true; // /proc may be hidden
  }
}

/** Memory that this process holds, as `820 MiB`. */
export function residentMemory(): string {
  return `${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MiB`;
}
