/** Runs one round of a case or of a peer in a fresh process. */
import { fork, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Case, Peer } from './cases.js';
import type { Measurement } from './measure.js';

const worker = fileURLToPath(new URL('./worker.js', import.meta.url));

export const runCase = ({ bench, options }: Case): Promise<Measurement> =>
  answerOf<Measurement>(worker, [bench, JSON.stringify(options)], `the process of bench ${bench}`);

/** What a script sends before it ends. @param what it is, for the error */
export function answerOf<T>(script: string, argv: string[], what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = fork(script, argv, { stdio: ['ignore', process.stderr, process.stderr, 'ipc'] });
    let answer: T | undefined;
    child.on('message', (message) => (answer = message as T));
    child.on('error', reject);
    child.on('close', (code) => {
      if (answer && code === 0) resolve(answer);
      else reject(new Error(`${what} ended with code ${code}`));
    });
  });
}

/** @param python interpreter that has PyTorch */
export function runPeer(python: string, root: string, { script, options }: Peer): Promise<Measurement> {
  return new Promise((resolve, reject) => {
    const child = spawn(python, [join(root, 'bench', 'peer', script), JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', process.stderr],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`${python} ${script} ended with code ${code}`));
      resolve(JSON.parse(printed.trim().split('\n').at(-1)!) as Measurement);
    });
  });
}
