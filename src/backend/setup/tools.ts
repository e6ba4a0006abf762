/** The programs that set-up uses: a C++ compiler, and pip for the download. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SetupFailure } from './failure.js';
import type { World } from './world.js';

/** From this version on pip takes Python versions and platform tags other than its own as set-up writes them. */
const oldestPip = 20;

/** The path of a program in PATH; a name with a slash is a path already. */
export function findProgram(name: string, environment: NodeJS.ProcessEnv): string | undefined {
  const folders = (environment.PATH ?? '').split(delimiter).filter(Boolean);
  const paths = name.includes('/') ? [name] : folders.map((folder) => join(folder, name));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}

function compilers(environment: NodeJS.ProcessEnv): string[][] {
  const own = environment.CXX?.trim();
  return [...(own ? [own.split(/\s+/)] : []), ['c++'], ['g++'], ['clang++']];
}

const nvidiaSmi = ['nvidia-smi', '-L'];

const pips = [['python3', '-m', 'pip'], ['pip3'], ['pip'], ['python', '-m', 'pip']];

/** The programs set-up would use if they were there: what a later attempt compares to see whether it may succeed. */
export function toolsOnPath(environment: NodeJS.ProcessEnv): string[] {
  const programs = [...compilers(environment), ...pips, nvidiaSmi].map(([program]) => program);
  return [...new Set(programs)].flatMap((program) => findProgram(program, environment) ?? []);
}

/** The command line of the C++ compiler. */
export async function findCompiler(world: World): Promise<string[]> {
  for (const command of compilers(world.environment)) {
    if (!findProgram(command[0], world.environment)) continue;
    // macOS has a c++ that only offers to install one.
    if ((await world.run([...command, '--version'], { timeoutMs: 60_000 })).code === 0) return command;
  }
  const install =
    world.platform === 'darwin'
      ? '`xcode-select --install` installs one'
      : 'install one, e.g. `apt install g++`, `dnf install gcc-c++`, or name yours in CXX';
  throw new SetupFailure(
    'missing',
    'there is no C++ compiler ($CXX, c++, g++ and clang++ were tried)',
    install,
  );
}

/** The command line of pip. */
export async function findPip(world: World): Promise<string[]> {
  let tooOld: string | undefined;
  for (const command of pips) {
    if (!findProgram(command[0], world.environment)) continue;
    const { code, stdout } = await world.run([...command, '--version'], { timeoutMs: 60_000 });
    const version = /^pip (\d+)\S*/m.exec(stdout);
    if (code !== 0 || !version) continue;
    if (Number(version[1]) >= oldestPip) return command;
    tooOld ??= version[0];
  }
  if (tooOld) {
    const upgrade = '`python3 -m pip install --upgrade pip` upgrades it';
    throw new SetupFailure('missing', `${tooOld} is too old, ${oldestPip} or newer is needed`, upgrade);
  }
  const install =
    world.platform === 'darwin'
      ? 'install Python 3, which has it, e.g. `brew install python`'
      : 'install it, e.g. `apt install python3-pip`, `dnf install python3-pip`';
  throw new SetupFailure(
    'missing',
    'there is no pip, which does the download (python3 -m pip, pip3 and pip were tried)',
    install,
  );
}

/** A driver without a GPU is common: in containers that were not given one. Several GB of CUDA are not downloaded for that. */
export async function requireGpu(world: World): Promise<void> {
  const { code, stdout } = await world.run(nvidiaSmi, { timeoutMs: 60_000 });
  if (code === 0 && /^GPU \d+/m.test(stdout)) return;
  throw new SetupFailure(
    'missing',
    'an NVIDIA driver is loaded, but `nvidia-smi -L` names no GPU',
    '`showtell setup --cuda` installs TensorFlow for CUDA all the same',
  );
}
