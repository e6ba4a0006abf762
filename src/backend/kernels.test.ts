import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fakeWorld, type FakeWorld } from '../../tests/fake-setup.js';
import { kernelLibrary, loadKernels, reasonAgainstKernels } from './kernels.js';
import { automaticSetup, buildKernels } from './setup/index.js';

describe('kernels of our own', () => {
  it('are never loaded where a GPU computes, nor where they are switched off', () => {
    expect(reasonAgainstKernels('runtime', true, {})).toBe('they are for the CPU');
    expect(reasonAgainstKernels('npm', false, {})).toMatch(/npm/);
    expect(reasonAgainstKernels('runtime', false, { SHOWTELL_KERNELS: 'off' })).toMatch(/off/);
    expect(reasonAgainstKernels('runtime', false, {})).toBeUndefined();
  });

  it('have a library for each version of TensorFlow', () => {
    expect(kernelLibrary('/r', '2.21.0')).toMatch(/^\/r\/kernels-[0-9a-f]{16}\.node$/);
    expect(kernelLibrary('/r', '2.21.0')).not.toBe(kernelLibrary('/r', '2.21.1'));
    expect(loadKernels('/nowhere', '2.21.0')).toMatch(/showtell setup/);
  });
});

describe('building them', () => {
  let world: FakeWorld;
  afterEach(() => world.remove());

  async function runtime() {
    world = fakeWorld();
    await automaticSetup({ log: world.log, environment: world.environment, world });
    world.commands.length = world.lines.length = 0;
  }
  const build = (again = false) =>
    buildKernels({ log: world.log, environment: world.environment, world, again });

  it('happens once, beside the runtime', async () => {
    await runtime();
    world.answers['-march=native'] = (command) => {
      writeFileSync(command[command.indexOf('-o') + 1], 'library');
      return { code: 0 };
    };
    expect(await build()).toBeUndefined();
    const compiled = world.commands.find((command) => command.includes('-march=native'))!;
    expect(compiled).toContain(join(world.runtime, 'tensorflow', 'include'));
    expect(existsSync(kernelLibrary(world.runtime, '2.21.0'))).toBe(true);
    world.commands.length = 0;
    expect(await build()).toBeUndefined();
    expect(world.commands).toEqual([]);
  });

  it('is not tried again by itself after a failure, but by hand', async () => {
    await runtime();
    world.answers['-march=native'] = { code: 1, output: 'attention.cc:1: error: no such thing' };
    expect(await build()).toMatch(/no such thing/);
    expect(world.lines.join()).toMatch(/warn kernels for this processor cannot be built: .*no such thing/);
    expect(loadKernels(world.runtime, '2.21.0')).toMatch(/no such thing/);
    world.commands.length = 0;
    expect(await build()).toMatch(/before/);
    expect(world.commands).toEqual([]);
    expect(await build(true)).toMatch(/no such thing/);
  });

  it('needs a runtime that set-up built', async () => {
    world = fakeWorld();
    expect(await build()).toMatch(/no runtime/);
    expect(world.commands).toEqual([]);
  });
});
