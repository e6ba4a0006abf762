/** An outside world for tests of set-up: a cache directory of its own, and a pip and compiler that take no time. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { runtimeDirectory } from '../src/backend/runtime.js';
import type { CommandResult, World } from '../src/backend/setup/world.js';
import type { Log } from '../src/core/index.js';

/** What the wheel of the fake pip holds: wanted libraries and headers among other things. */
export const wheelFiles = {
  'tensorflow/__init__.py': 'not wanted',
  'tensorflow/libtensorflow_cc.so.2': 'library',
  'tensorflow/libtensorflow_framework.so.2': 'framework',
  'tensorflow/include/tensorflow/c/eager/c_api.h': 'header',
  'tensorflow/include/Eigen/Core': 'not wanted',
  'tensorflow_cpu-2.21.0.dist-info/METADATA': 'Name: tensorflow-cpu\n',
};

export interface FakeWorld extends World {
  /** The runtime that set-up builds for the CPU. */
  runtime: string;
  /** Every command that was run. */
  commands: string[];
  /** What went to the log: `info ...`, `warn ...`, `progress ...`. */
  lines: string[];
  log: Log;
  time: number;
  /** Answers instead of the standard ones, for commands that contain the key. */
  answers: Record<string, Partial<CommandResult> | ((command: string[]) => Partial<CommandResult> | void)>;
  wheel: Record<string, string>;
  /** Installs a program in the PATH. */
  install(name: string): void;
  remove(): void;
}

/** @param programs what its PATH has */
export function fakeWorld(programs: string[] = ['c++', 'python3']): FakeWorld {
  const root = mkdtempSync(join(tmpdir(), 'showtell-setup-'));
  const bin = join(root, 'bin');
  mkdirSync(bin);
  const environment: NodeJS.ProcessEnv = { SHOWTELL_CACHE: join(root, 'cache'), PATH: bin };
  const note =
    (kind: string) =>
    (line: string): void =>
      void world.lines.push(`${kind} ${line}`);
  const world: FakeWorld = {
    environment,
    platform: process.platform,
    arch: process.arch,
    runtime: runtimeDirectory(environment, 'cpu'),
    commands: [],
    lines: [],
    time: 1e12,
    answers: {},
    wheel: wheelFiles,
    hasGlibc: () => true,
    now: () => world.time,
    freeBytes: () => Promise.resolve(1e12),
    log: {
      info: note('info'),
      warn: note('warn'),
      progress(title, total) {
        note('progress')(`${title} of ${total}`);
        return { update() {}, end() {} };
      },
    },
    run(command, options) {
      const line = command.join(' ');
      world.commands.push(line);
      const key = Object.keys(world.answers).find((part) => line.includes(part));
      const answer = key === undefined ? undefined : world.answers[key];
      const own = typeof answer === 'function' ? answer(command) : answer;
      const result = { code: 0, signal: null, stdout: '', ...(own ?? standardAnswer(command, world)) };
      const output = result.output ?? result.stdout;
      for (const each of output.split('\n')) options?.onLine?.(each);
      return Promise.resolve({ ...result, output });
    },
    install(name) {
      writeFileSync(join(bin, name), '');
      chmodSync(join(bin, name), 0o755);
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
  for (const name of programs) world.install(name);
  return world;
}

function standardAnswer(command: string[], world: FakeWorld): Partial<CommandResult> {
  const after = (option: string) => command[command.indexOf(option) + 1];
  if (command.some((word) => word.endsWith('check-child.js'))) {
    return { stdout: '{"version":"2.21.0","usesGpu":false}' };
  }
  if (command.includes('--version')) return { stdout: 'pip 24.0 from somewhere (python 3.12)' };
  if (command.includes('download')) {
    mkdirSync(after('--dest'), { recursive: true });
    const wheel = 'tensorflow_cpu-2.21.0-cp312-cp312-manylinux_2_27_x86_64.whl';
    writeFileSync(join(after('--dest'), wheel), zip(world.wheel));
    return { stdout: `  Downloading https://index.example/${wheel} (274.0 MB)` };
  }
  if (command.includes('-o')) writeFileSync(after('-o'), 'addon');
  return {};
}

/** Everything in a world's folder of runtimes, hidden names included. */
export function runtimesOf(world: FakeWorld): string[] {
  return readdirSync(join(world.environment.SHOWTELL_CACHE!, 'runtime')).sort();
}

/** A zip file with stored (not compressed) files; APPNOTE.TXT 4.3.7, 4.3.12 and 4.3.16. */
export function zip(files: Record<string, string | Uint8Array>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const data = Buffer.from(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version 2.0
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, tail, Buffer.from(name)]));
    parts.push(local);
    offset += local.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(entries.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, entries, end]);
}
