#!/usr/bin/env node
/**
 * Everything between a fresh clone and a running task: dependencies, compiled TypeScript, native TensorFlow. Plain
 * Node, because it runs before anything is installed. What is up to date is left alone, so a second run costs
 * milliseconds.
 *
 *   node scripts/bootstrap.mjs <demo|test|bench|setup|build> [arguments of the task]
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const oldestNode = [20, 19];

/** Ends the run with a message and no stack. */
class Failure extends Error {}

const tasks = {
  demo: (argv) => showtell(['demo', ...argv]),
  setup: (argv) => showtell(['setup', ...argv]),
  test: (argv) => node([join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--root', root, ...argv]),
  async bench(argv) {
    await build(['tsconfig.bench.json'], ['src', 'bench'], join('dist', 'bench'));
    return node([join(root, 'dist', 'bench', 'bench', 'run.js'), ...argv]);
  },
  build: async () => 0,
};

/** For bin/showtell.mjs: a checkout that can run, or an explained end of the process. */
export async function prepareCheckout() {
  await explained(async () => {
    await ensureDependencies();
    await ensureBuild();
  });
}

/** Installs what package-lock.json names, unless it is installed. */
async function ensureDependencies() {
  if (dependenciesAreCurrent()) return;
  say('installing dependencies (npm ci)');
  const arguments_ = [
    'ci',
    '--include=dev',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  // npm's own script is run by Node where npm started us; elsewhere `npm` must be on the PATH.
  const npm = process.env.npm_execpath;
  const options = { cwd: root, stdout: process.stderr };
  const code = npm?.endsWith('npm-cli.js')
    ? await run(process.execPath, [npm, ...arguments_], options)
    : await run('npm', arguments_, { ...options, shell: process.platform === 'win32' });
  if (code !== 0) {
    throw new Failure(
      `\`npm ci\` failed (exit code ${code}); its message is above. Is npm's registry reachable from here?`,
    );
  }
}

/** Compares what npm wrote down as installed with what the lock file wants; platform packages may be absent. */
function dependenciesAreCurrent() {
  let installed, wanted;
  try {
    installed = JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages;
    wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  } catch {
    return false;
  }
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const found = installed[path];
    if (!found) return entry.optional || entry.devOptional || entry.peer;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

/** Compiles TypeScript unless no source changed since the last time. */
async function ensureBuild() {
  const projects = ['tsconfig.build.json', join('src', 'serve', 'page', 'tsconfig.json')];
  await build(projects, ['src'], 'dist', (files) => {
    for (const file of files.filter((path) => !path.endsWith('.ts'))) {
      cpSync(file, join(root, 'dist', relative(join(root, 'src'), file)));
    }
  });
}

/** @param finish done after compiling, with the sources */
async function build(projects, sources, output, finish = () => {}) {
  const out = join(root, output);
  const stampFile = join(out, '.sources.json');
  const files = sources.flatMap((folder) => sourceFiles(join(root, folder)));
  const configs = [...projects, 'tsconfig.json'].map((file) => join(root, file));
  const stamp = Object.fromEntries(
    [...files, ...configs].map((file) => [relative(root, file), fingerprint(file)]),
  );
  const last = readStamp(stampFile);
  if (JSON.stringify(last) === JSON.stringify(stamp)) return;
  // tsc leaves the output of a deleted source behind.
  if (Object.keys(last).some((file) => !(file in stamp))) rmSync(out, { recursive: true, force: true });
  say('compiling TypeScript');
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  for (const project of projects) {
    const code = await run(process.execPath, [tsc, '-p', join(root, project)], { stdout: process.stderr });
    if (code !== 0) throw new Failure(`\`tsc -p ${project}\` found the errors above`);
  }
  finish(files);
  mkdirSync(out, { recursive: true });
  writeFileSync(`${stampFile}.${process.pid}`, JSON.stringify(stamp));
  renameSync(`${stampFile}.${process.pid}`, stampFile);
}

function readStamp(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return {};
  }
}

/** TypeScript, and the files of the page that browsers take as they are. */
function sourceFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return /\.(ts|html|css|svg)$/.test(entry.name) && !entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

/** Changes when a file's content may have changed; the time alone is not trusted, as `git` sets it anew. */
function fingerprint(file) {
  return existsSync(file) ? createHash('sha1').update(readFileSync(file)).digest('hex') : 'absent';
}

/** Native TensorFlow, once: a failure is remembered, reported in one line, and the wasm backend goes on. */
async function ensureNativeRuntime() {
  const { automaticSetup, buildKernels } = await import(
    pathToFileURL(join(root, 'dist', 'backend', 'setup', 'index.js')).href
  );
  const { terminalLog } = await import(pathToFileURL(join(root, 'dist', 'cli', 'terminal.js')).href);
  const surroundings = { log: terminalLog(process.stderr), environment: process.env };
  await automaticSetup(surroundings);
  if (process.env.SHOWTELL_BACKEND !== 'wasm') await buildKernels(surroundings);
}

function showtell(argv) {
  return node([join(root, 'bin', 'showtell.mjs'), ...argv]);
}

function node(argv) {
  return run(process.execPath, argv);
}

/** The exit code of a child. Ctrl-C reaches the child itself, which may want to save: so it is not for us here. */
function run(program, argv, { stdout = 'inherit', shell = false, cwd = process.cwd() } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, { stdio: ['inherit', stdout, 'inherit'], cwd, shell });
    const wait = () => {};
    process.on('SIGINT', wait);
    child.on('error', (error) => reject(new Failure(`cannot start ${program}: ${error.message}`)));
    child.on('close', (code, signal) => {
      process.off('SIGINT', wait);
      resolve(code ?? (signal ? 1 : 0));
    });
  });
}

function say(line) {
  process.stderr.write(`showtell: ${line}\n`);
}

/** Runs `work`; a Failure ends the process with its message, exit code 1. */
async function explained(work) {
  try {
    const [major, minor] = process.versions.node.split('.').map(Number);
    if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
      const wanted = `Node ${oldestNode.join('.')} or newer is needed, this is ${process.versions.node}`;
      throw new Failure(`${wanted}: see https://nodejs.org/en/download`);
    }
    return await work();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stderr.write(`showtell: ${error.message}\n`);
    process.exit(1);
  }
}

async function main([task, ...argv]) {
  if (!Object.hasOwn(tasks, task ?? '')) {
    throw new Failure(`usage: node scripts/bootstrap.mjs <${Object.keys(tasks).join('|')}> [arguments]`);
  }
  await ensureDependencies();
  await ensureBuild();
  if (task === 'demo' || task === 'test' || task === 'bench') await ensureNativeRuntime();
  return tasks[task](argv);
}

if (process.argv[1] && pathToFileURL(process.argv[1]).href === import.meta.url) {
  process.exitCode = await explained(() => main(process.argv.slice(2)));
}
