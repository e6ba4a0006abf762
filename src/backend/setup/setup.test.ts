import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeWorld, runtimesOf, type FakeWorld } from '../../../tests/fake-setup.js';
import { UserError } from '../../core/index.js';
import { checkRuntime, readChoice, runtimeDirectory } from '../runtime.js';
import { setup, type SetupRequest } from './index.js';

vi.mock('../hardware.js', () => ({ hasNvidiaDriver: () => false }));
vi.mock(import('../paths.js'), async (original) => ({ ...(await original()), npmAddon: () => undefined }));

const onLinux = process.platform === 'linux' && process.arch === 'x64';

let world: FakeWorld;
beforeEach(() => {
  world = fakeWorld();
});
afterEach(() => world.remove());

const run = (request: SetupRequest = {}) =>
  setup(request, { log: world.log, environment: world.environment, world });

async function failureOf(request: SetupRequest): Promise<UserError> {
  const error = await run(request).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

/** A directory as TensorFlow's own archive has it. */
function libraries(name: string, files: string[]): string {
  const directory = join(dirname(world.environment.PATH!), name);
  for (const file of files) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), file);
  }
  return directory;
}
const archive = [
  'lib/libtensorflow.so.2',
  'lib/libtensorflow_framework.so.2',
  'include/tensorflow/c/eager/c_api.h',
];

describe.runIf(onLinux)('showtell setup', () => {
  it('builds, then only checks, and builds again by force', async () => {
    const built = await run();
    expect(built).toMatchObject({
      version: '2.21.0',
      usesGpu: false,
      addon: expect.stringMatching(/\.node$/),
    });
    const downloads = () => world.commands.filter((line) => line.includes('pip download')).length;
    const checks = () => world.commands.filter((line) => line.includes('check-child.js')).length;
    expect([downloads(), checks()]).toEqual([1, 1]);
    await run();
    expect([downloads(), checks()]).toEqual([1, 2]);
    await run({ force: true });
    expect([downloads(), checks()]).toEqual([2, 3]);
    expect(runtimesOf(world)).toHaveLength(2);
  });

  it('rebuilds what is whole but does not compute', async () => {
    await run();
    let checks = 0;
    world.answers['check-child.js'] = () => {
      if (++checks === 1) return { code: null, signal: 'SIGSEGV' };
    };
    await run();
    expect(checks).toBe(2);
    expect(world.lines).toContainEqual(expect.stringMatching(/^info rebuilding .*SIGSEGV/));
    checkRuntime(world.runtime, 'cpu');
  });

  it('remembers a choice when it is ready, and forgets it with --auto', async () => {
    world.answers['pip download'] = { code: 1 };
    await failureOf({ cpu: true });
    expect(readChoice(world.environment)).toEqual({});
    delete world.answers['pip download'];
    await run({ cpu: true });
    expect(readChoice(world.environment)).toEqual({ variant: 'cpu' });
    await run();
    expect(readChoice(world.environment)).toEqual({ variant: 'cpu' });
    await run({ auto: true });
    expect(readChoice(world.environment)).toEqual({});
  });

  it('tries again what failed a moment ago', async () => {
    world.answers['pip download'] = { code: 1 };
    await failureOf({});
    delete world.answers['pip download'];
    await run();
    const memory = readFileSync(join(dirname(world.runtime), 'memory.json'), 'utf8');
    expect(JSON.parse(memory)).toEqual({ failures: {}, addons: {} });
  });

  it('compiles against a directory, and notices when its libraries change', async () => {
    const directory = libraries('tf', archive);
    const { place, version } = await run({ libtensorflow: directory });
    expect([place.name, version]).toEqual([`TensorFlow in ${directory}`, '2.21.0']);
    const compiler = world.commands.find((line) => line.includes(' -o '));
    expect(compiler).toContain(` ${directory}/lib/libtensorflow.so.2 `);
    expect(compiler).toContain(` -I ${directory}/include `);
    expect(compiler).toMatch(new RegExp(`-rpath -Xlinker ${directory}/lib$`));
    expect(world.commands.some((line) => line.includes('download'))).toBe(false);

    const runtime = runtimeDirectory(world.environment, 'directory', directory);
    checkRuntime(runtime, 'directory');
    writeFileSync(join(directory, 'lib/libtensorflow.so.2'), 'another version');
    expect(() => checkRuntime(runtime, 'directory')).toThrow(/libtensorflow\.so\.2 has 15 bytes, not 22/);
  });
});

it.each<[string, string[], RegExp]>([
  ['absent', [], /there is no directory .*absent/],
  ['empty', ['README'], /empty does not hold TensorFlow's libraries/],
  ['half', archive.slice(0, 1), /half does not hold TensorFlow's libraries/],
  ['headless', archive.slice(0, 2), /headless has TensorFlow's libraries but not its headers/],
])('says what it looked for in a wrong directory (%s)', async (name, files, message) => {
  const { message: found, hint } = await failureOf({ libtensorflow: libraries(name, files) });
  expect(found).toMatch(message);
  expect(hint).toMatch(/looked for: libtensorflow_cc\.so\.2 .*include/);
});

it.each<[SetupRequest, string]>([
  [{ cpu: true, cuda: true }, '--cpu and --cuda exclude each other'],
  [{ cuda: true, libtensorflow: '/tf' }, '--cuda and --libtensorflow exclude each other'],
  [{ cpu: true, auto: true }, '--cpu and --auto exclude each other'],
  [{ libtensorflow: '' }, '--libtensorflow needs a directory'],
])('refuses %o', async (request, message) => {
  expect((await failureOf(request)).message).toBe(message);
  expect(world.commands).toEqual([]);
});

it('refuses a choice that SHOWTELL_LIBTENSORFLOW overrules', async () => {
  world.environment.SHOWTELL_LIBTENSORFLOW = '/tf';
  expect((await failureOf({ cpu: true })).message).toBe(
    '--cpu would have no effect: SHOWTELL_LIBTENSORFLOW is /tf',
  );
});

it('fails with what is missing, as it was asked for', async () => {
  world.remove();
  world = fakeWorld([]);
  world.platform = 'darwin';
  Object.assign(world, { arch: 'arm64' });
  const { message, hint } = await failureOf({});
  expect(message).toMatch(/^native TensorFlow cannot be set up: there is no C\+\+ compiler/);
  expect(hint).toContain('xcode-select --install');
});
