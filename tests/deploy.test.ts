/** The manifests and scripts in `deploy/`: their fields by schemas, their commands by the program itself. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { schemas } from './deploy-schemas.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = join(root, 'bin', 'showtell.mjs');
const folder = join(root, 'deploy');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const manifests = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const scripts = readdirSync(folder).filter((name) => name.endsWith('.sbatch'));

type Json = { [key: string]: Json } | Json[] | string | number | boolean | null;

/** What is wrong with a manifest; empty: nothing. */
function problems(text: string): string[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) return document.errors.map(({ message }) => message);
    const manifest = document.toJS() as { apiVersion: string; kind: string };
    const schema = schemas[`${manifest.apiVersion} ${manifest.kind}`];
    if (!schema) return [`no schema of ${manifest.apiVersion} ${manifest.kind}`];
    const { error } = schema.safeParse(manifest);
    return error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
  });
}

/** Words of all commands in a manifest that run showtell. */
function commandsOf(value: Json): string[][] {
  if (value === null || typeof value !== 'object') return [];
  const own = value as { command?: string[]; args?: string[] };
  const words = [...(own.command ?? []), ...(own.args ?? [])];
  const at = words.indexOf('bin/showtell.mjs');
  return [...(at < 0 ? [] : [words.slice(at + 1)]), ...Object.values(value).flatMap(commandsOf)];
}

/** Options that a command of showtell does not have. */
function unknownOptions([command, ...words]: string[]): string[] {
  const { stdout } = spawnSync(process.execPath, [program, command, '--help'], { encoding: 'utf8' });
  expect(stdout).toContain(`showtell ${command}`);
  const options = words.flatMap((word) => /^--[a-z-]+/.exec(word)?.[0] ?? []);
  return options.filter((option) => !new RegExp(`${option}\\b`).test(stdout));
}

describe.each(manifests)('deploy/%s', (name) => {
  it('fits the schema of its kind', () => {
    expect(problems(read(name))).toEqual([]);
  });

  it('calls showtell with options that it has', () => {
    const commands = parseAllDocuments(read(name)).flatMap((document) => commandsOf(document.toJS() as Json));
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) expect(unknownOptions(command)).toEqual([]);
  });
});

it('finds what is wrong with a manifest', () => {
  const job = read('caption-job.yaml');
  const mpi = read('train-mpijob.yaml');
  expect(problems(job.replace('completions: 64', "completions: '64'"))).toEqual([
    expect.stringMatching(/^spec\.completions: /),
  ]);
  expect(problems(job.replace('restartPolicy: Never', 'restartPolicy: Always'))).toHaveLength(1);
  expect(problems(job.replace('mountPath', 'mountpath'))).not.toEqual([]);
  expect(problems(job.replace('memory: 8Gi', 'memory: 8GB'))).toHaveLength(1);
  expect(
    problems(job.replace('name: data\n              mountPath', 'name: date\n              mountPath')),
  ).toEqual([expect.stringContaining('no volume is called date')]);
  expect(problems(job.replace("value: '64'", "value: '32'"))).toEqual([
    expect.stringContaining('SHARD_COUNT is to be the completions'),
  ]);
  expect(problems(mpi.replace("-n, '4'", "-n, '8'"))).toEqual([expect.stringContaining('slots')]);
  expect(problems(mpi.replace('Worker:', 'Workers:'))).not.toEqual([]);
  expect(problems(mpi.replace('org/v2beta1', 'org/v1'))).toEqual(['no schema of kubeflow.org/v1 MPIJob']);
});

/** Options of sbatch, and what a value looks like. */
const directives: Record<string, RegExp> = {
  'job-name': /^[\w-]+$/,
  array: /^\d+-\d+(%\d+)?$/,
  nodes: /^\d+$/,
  ntasks: /^\d+$/,
  'ntasks-per-node': /^\d+$/,
  'cpus-per-task': /^\d+$/,
  mem: /^\d+[KMGT]$/,
  gpus: /^\d+$/,
  'gpus-per-node': /^\d+$/,
  time: /^(\d+-)?\d+:\d\d:\d\d$/,
  requeue: /^$/,
  signal: /^(B:)?[A-Z]+@\d+$/,
  'open-mode': /^(append|truncate)$/,
  output: /^[\w%-]+\.log$/,
};

describe.each(scripts)('deploy/%s', (name) => {
  it('is a script of bash, with options of sbatch', () => {
    const { status, stderr } = spawnSync('bash', ['-n', join(folder, name)], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lines = read(name)
      .split('\n')
      .filter((line) => line.startsWith('#SBATCH'));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      const [, key, value = ''] = /^#SBATCH --([a-z-]+)(?:=(.*))?$/.exec(line)!;
      expect(directives, line).toHaveProperty(key);
      expect(value, line).toMatch(directives[key]);
    }
  });

  it('calls showtell with options that it has', () => {
    const [, said] = /bin\/showtell\.mjs ((?:.|\\\n)*)/.exec(read(name))!;
    const what = /what=\((.*?)\)/.test(read(name)) ? [...read(name).matchAll(/what=\((.*?)\)/g)] : [];
    const words = [said, ...what.map(([, more]) => more)].join(' ').split(/[\s\\]+/);
    expect(unknownOptions(words)).toEqual([]);
  });
});
