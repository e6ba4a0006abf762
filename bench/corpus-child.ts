/** The child process of a training: `corpus-child.js TASK-AS-JSON`; what was observed goes to the parent by IPC. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../src/config/index.js';
import { messageOf, silentLog, type Log } from '../src/core/index.js';
import { train } from '../src/train/index.js';

export interface CorpusChild {
  config: Config;
  cache: string;
  /** Steps after which the training ends; 0: before the first. */
  steps: number;
}

export interface Observed {
  /** Seconds from the start of the process to the first step. */
  startup: number;
  /** Seconds of processors that took: what others compute does not count. */
  processor: number;
  /** Bytes, behind the last step. */
  rss: number;
  /** Bytes, the most so far. */
  peak: number;
  /** Of all steps, the time to draw the epoch's order included. */
  wordsPerSecond: number;
}

async function observe({ config, cache, steps }: CorpusChild): Promise<Observed> {
  const controller = new AbortController();
  const observed: Observed = { startup: 0, processor: 0, rss: 0, peak: 0, wordsPerSecond: 0 };
  const end = () => {
    observed.rss = process.memoryUsage.rss();
    observed.peak = 1024 * process.resourceUsage().maxRSS;
    controller.abort();
  };
  const log: Log = {
    ...silentLog,
    warn: (line) => line.startsWith('stopped at step') || console.error(line),
    progress(title) {
      if (!title.startsWith('epoch')) return { update() {}, end() {} };
      observed.startup = performance.now() / 1000;
      const { user, system } = process.cpuUsage();
      observed.processor = (user + system) / 1e6;
      if (steps === 0) end();
      return { update: (done) => done === steps && end(), end() {} };
    },
  };
  await train(
    { ...config, training: { ...config.training, logEvery: Math.max(1, steps) } },
    { log, cacheDirectory: cache, signal: controller.signal, overwrite: true },
  );
  if (steps > 0) {
    const [line] = readFileSync(join(config.output, 'metrics.jsonl'), 'utf8').split('\n');
    observed.wordsPerSecond = (JSON.parse(line) as { wordsPerSecond: number }).wordsPerSecond;
  }
  return observed;
}

try {
  const observed = await observe(JSON.parse(process.argv[2]) as CorpusChild);
  process.send!(observed, () => process.exit(0));
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
  process.disconnect();
}
