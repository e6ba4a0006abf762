import { existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeWorld, runtimesOf, wheelFiles, type FakeWorld } from '../../../tests/fake-setup.js';
import { addonOf, nativePlaces, runtimePlace } from '../candidates.js';
import { checkRuntime } from '../runtime.js';
import { automaticSetup } from './index.js';

/** The machine that runs the tests may have a GPU, and npm may have brought an addon: not here. */
const machine = vi.hoisted(() => ({ driver: false, npmAddon: undefined as string | undefined }));
vi.mock('../hardware.js', () => ({ hasNvidiaDriver: () => machine.driver }));
vi.mock(import('../paths.js'), async (original) => ({
  ...(await original()),
  npmAddon: (folder) => (folder.endsWith('tfjs-node-gpu') ? machine.npmAddon : undefined),
}));

// The fake wheel is that of Linux; other platforms have their cases in platform.test.ts.
const onLinux = process.platform === 'linux' && process.arch === 'x64';

let world: FakeWorld;
beforeEach(() => {
  world = fakeWorld();
  Object.assign(machine, { driver: false, npmAddon: undefined });
});
afterEach(() => world.remove());

const run = () => {
  world.commands.length = world.lines.length = 0;
  return automaticSetup({ log: world.log, environment: world.environment, world });
};
const warnings = () => world.lines.filter((line) => line.startsWith('warn '));

describe.runIf(onLinux)('automatic set-up', () => {
  it('builds a runtime of the wanted files, once', async () => {
    await run();
    expect(warnings()).toEqual([]);
    expect(world.lines).toContain('progress downloading tensorflow-cpu (MB) of 274');
    const record = checkRuntime(world.runtime, 'cpu');
    expect(record).toMatchObject({ format: 1, variant: 'cpu', tensorflow: '2.21.0' });
    expect(record.files).toEqual({
      'tfjs_binding.node': 5,
      'tensorflow/libtensorflow_cc.so.2': 7,
      'tensorflow/libtensorflow_framework.so.2': 9,
      'tensorflow/include/tensorflow/c/eager/c_api.h': 6,
      'tensorflow_cpu-2.21.0.dist-info/METADATA': 21,
    });
    expect(existsSync(join(world.runtime, 'tensorflow', '__init__.py'))).toBe(false);
    expect(existsSync(join(world.runtime, 'download'))).toBe(false);
    expect(runtimesOf(world)).toEqual([expect.stringMatching(/^2\.21-cpu-/), 'memory.json']);

    await run();
    expect([world.commands, world.lines]).toEqual([[], []]);
  });

  it('compiles and downloads what the recipe says', async () => {
    await run();
    const pip = world.commands.find((line) => line.includes('pip download'));
    expect(pip).toMatch(/^python3 -m pip download --no-deps --only-binary=:all: /);
    expect(pip).toContain(' --python-version 3.12 --platform manylinux_2_27_x86_64 ');
    expect(pip).toMatch(/ tensorflow-cpu==2\.21\.\*$/);
    const compiler = world.commands.find((line) => line.includes(' -o '));
    expect(compiler).toMatch(/^c\+\+ -shared .*-DNAPI_VERSION=8 .*tfjs_backend\.cc .*tfjs_binding\.cc /);
    expect(compiler).toMatch(/ -Xlinker -rpath -Xlinker \$ORIGIN\/tensorflow$/);
  });

  it.each<[string, (folder: string) => void]>([
    ['half built', (folder) => rmSync(join(folder, 'runtime.json'))],
    ['with a damaged record', (folder) => writeFileSync(join(folder, 'runtime.json'), '{"format":1,')],
    [
      'with an empty library',
      (folder) => writeFileSync(join(folder, 'tensorflow/libtensorflow_cc.so.2'), ''),
    ],
    ['without its addon', (folder) => rmSync(join(folder, 'tfjs_binding.node'))],
    ['of another TensorFlow', (folder) => edit(folder, (record) => (record.tensorflow = '2.20.1'))],
    ['of another recipe', (folder) => edit(folder, (record) => (record.recipe = 'old'))],
    ['of another platform', (folder) => edit(folder, (record) => (record.arch = 'sparc'))],
  ])('rebuilds a runtime %s', async (_, spoil) => {
    await run();
    spoil(world.runtime);
    expect(() => addonOf(runtimePlace(world.environment, 'cpu'), world.environment)).toThrow(
      /showtell setup/,
    );
    await run();
    expect(world.commands.some((line) => line.includes('pip download'))).toBe(true);
    checkRuntime(world.runtime, 'cpu');
    expect(runtimesOf(world)).toHaveLength(2);
  });

  it.each([
    [{ code: 1, output: 'Error: a matrix product is 1, not 19' }, 'Error: a matrix product is 1, not 19'],
    [{ code: null, signal: 'SIGILL' as const }, 'AVX'],
    [{ code: null, signal: 'SIGSEGV' as const }, 'crashed with SIGSEGV'],
    [{ code: 0, stdout: 'nothing' }, 'nothing'],
  ])('does not accept a runtime whose check ends as %o', async (answer, why) => {
    world.answers['check-child.js'] = answer;
    await run();
    expect(warnings()).toEqual([expect.stringContaining(why)]);
    expect(runtimesOf(world)).toEqual(['memory.json']);
  });

  it('remembers a failure until a day has passed', async () => {
    world.answers['pip download'] = { code: 1, output: 'ERROR: No matching distribution found' };
    await run();
    const [line] = warnings();
    expect(line).toContain('No matching distribution found');
    expect(line).toContain('`showtell setup` tries again');
    await run();
    expect([world.commands, warnings()]).toEqual([[], [line]]);
    const place = runtimePlace(world.environment, 'cpu');
    expect(() => addonOf(place, world.environment)).toThrow(/set-up failed: .*No matching distribution/);

    world.time += 24 * 3600 * 1000;
    delete world.answers['pip download'];
    await run();
    expect(warnings()).toEqual([]);
    checkRuntime(world.runtime, 'cpu');
  });

  it('tries again when a tool or a setting has changed', async () => {
    world.remove();
    world = fakeWorld([]);
    await run();
    expect(warnings()).toEqual([expect.stringMatching(/no C\+\+ compiler .*apt install g\+\+/)]);
    world.install('g++');
    await run();
    expect(warnings()).toEqual([expect.stringMatching(/no pip.*apt install python3-pip/)]);
    world.install('pip3');
    world.answers['pip3 download'] = { code: 1, output: 'NewConnectionError: Connection refused' };
    await run();
    expect(warnings()).toEqual([expect.stringContaining('pip could not reach its package index')]);
    delete world.answers['pip3 download'];
    world.environment.HTTPS_PROXY = 'http://proxy.example';
    await run();
    expect(warnings()).toEqual([]);
    // Settings may hold passwords.
    expect(readFileSync(join(dirname(world.runtime), 'memory.json'), 'utf8')).not.toContain('proxy.example');
  });

  it('wants room on the disk before it downloads', async () => {
    world.freeBytes = () => Promise.resolve(5e8);
    await run();
    expect(warnings()).toEqual([expect.stringMatching(/1\.3 GB are needed in .*, 0\.5 GB are free/)]);
    expect(world.commands.some((line) => line.includes('download'))).toBe(false);
  });

  it('removes what dead processes left, not what live ones build', async () => {
    const runtimes = dirname(world.runtime);
    mkdirSync(runtimes, { recursive: true });
    const host = hostname().replace(/[^A-Za-z0-9]/g, '');
    const name = (host: string, pid: number) => `.2.21-cpu-linux-x64.${host}.${pid}.0123abcd.tmp`;
    const dead = name(host, 2 ** 30); // beyond every system's largest process number
    const living = name(host, process.ppid);
    const remote = name('elsewhere', 2 ** 30);
    const forgotten = name('elsewhere', 1);
    for (const each of [dead, living, remote, forgotten]) mkdirSync(join(runtimes, each));
    const longAgo = world.time / 1000 - 25 * 3600;
    for (const each of [living, remote])
      utimesSync(join(runtimes, each), world.time / 1000, world.time / 1000);
    utimesSync(join(runtimes, forgotten), longAgo, longAgo);
    await run();
    expect(runtimesOf(world).filter((each) => each.startsWith('.'))).toEqual([living, remote].sort());
  });

  it('two at once leave one whole runtime', async () => {
    await Promise.all([run(), automaticSetup({ log: world.log, environment: world.environment, world })]);
    expect(warnings()).toEqual([]);
    checkRuntime(world.runtime, 'cpu');
    expect(runtimesOf(world)).toHaveLength(2);
  });

  it('builds CUDA only where nvidia-smi answers, and takes the CPU otherwise', async () => {
    machine.driver = true;
    world.answers['nvidia-smi -L'] = { code: 9 };
    await run();
    expect(warnings()).toEqual([
      expect.stringMatching(/`nvidia-smi -L` names no GPU.*The next best is used/),
    ]);
    checkRuntime(world.runtime, 'cpu');

    world.install('nvidia-smi'); // a circumstance that has changed
    world.answers['nvidia-smi -L'] = { stdout: 'GPU 0: NVIDIA Something (UUID: GPU-0)' };
    const metadata = 'Requires-Dist: numpy\nRequires-Dist: nvidia-cublas-cu12<13.0; extra == "and-cuda"\n';
    world.wheel = {
      ...wheelFiles,
      'tensorflow_cpu-2.21.0.dist-info/METADATA': metadata,
      'nvidia/cublas/lib/libcublas.so.12': 'cublas',
      'nvidia/cublas/include/cublas.h': 'not wanted',
    };
    await run();
    const downloads = world.commands.filter((line) => line.includes('download'));
    expect(downloads.map((line) => line.split(' ').at(-1))).toEqual([
      'tensorflow==2.21.*',
      'nvidia-cublas-cu12<13.0',
    ]);
    const cuda = runtimePlace(world.environment, 'cuda').directory;
    expect(Object.keys(checkRuntime(cuda, 'cuda').files)).toContain('nvidia/cublas/lib/libcublas.so.12');
    expect(existsSync(join(cuda, 'nvidia', 'cublas', 'include'))).toBe(false);
  });
});

it('does nothing where WebAssembly was asked for', async () => {
  world.environment.SHOWTELL_BACKEND = 'wasm';
  await run();
  expect([world.commands, world.lines]).toEqual([[], []]);
});

it('tries what npm installed once, and takes it if it computes', async () => {
  machine.npmAddon = join(world.environment.PATH!, 'tfjs_binding.node');
  writeFileSync(machine.npmAddon, 'addon of npm');
  await run();
  expect(world.commands).toEqual([expect.stringMatching(/check-child\.js .*tfjs_binding\.node$/)]);
  await run();
  expect([world.commands, world.lines]).toEqual([[], []]);
  const [npm] = nativePlaces(world.environment);
  expect(addonOf(npm, world.environment)).toBe(machine.npmAddon);
});

it.runIf(onLinux)('does not load what npm installed when it crashes', async () => {
  machine.npmAddon = join(world.environment.PATH!, 'tfjs_binding.node');
  writeFileSync(machine.npmAddon, 'addon of npm');
  world.answers[`check-child.js ${machine.npmAddon}`] = { code: null, signal: 'SIGSEGV' };
  await run();
  checkRuntime(world.runtime, 'cpu');
  const [npm] = nativePlaces(world.environment);
  expect(() => addonOf(npm, world.environment)).toThrow('crashed with SIGSEGV');
  await run();
  expect(world.commands).toEqual([]);
});

it('looks in the order: directory, npm, cache; a chosen variant before npm', () => {
  const names = () => nativePlaces(world.environment).map(({ name }) => name);
  const npm = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'];
  const [cpu, cuda] = ['TensorFlow for the CPU in the cache', 'TensorFlow for CUDA in the cache'];
  expect(names()).toEqual([...npm, cpu]);
  machine.driver = true;
  expect(names()).toEqual([...npm, cuda, cpu]);
  world.environment.SHOWTELL_LIBTENSORFLOW = '/tf';
  expect(names()).toEqual(['TensorFlow in /tf', ...npm, cuda, cpu]);
  delete world.environment.SHOWTELL_LIBTENSORFLOW;
  const choose = (choice: object) => {
    mkdirSync(dirname(world.runtime), { recursive: true });
    writeFileSync(join(dirname(world.runtime), 'choice.json'), JSON.stringify(choice));
  };
  choose({ variant: 'cpu' });
  expect(names()).toEqual([cpu, ...npm]);
  choose({ libtensorflow: '/own' });
  expect(names()).toEqual(['TensorFlow in /own', ...npm, cuda, cpu]);
});

it('goes on in an unwritable cache', async () => {
  world.environment.SHOWTELL_CACHE = join(world.environment.PATH!, 'c++', 'cache'); // below a file
  await run();
  expect(warnings()).toEqual([expect.stringMatching(/native TensorFlow is not set up: E\w+/)]);
});

function edit(folder: string, change: (record: Record<string, unknown>) => void): void {
  const path = join(folder, 'runtime.json');
  const record = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  change(record);
  writeFileSync(path, JSON.stringify(record));
}
