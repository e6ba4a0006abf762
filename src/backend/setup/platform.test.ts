import { afterEach, beforeEach, expect, it } from 'vitest';
import { fakeWorld, type FakeWorld } from '../../../tests/fake-setup.js';
import { compileAddon } from './compile.js';
import { distribution, wheelsOfExtra } from './platform.js';
import { findPip } from './tools.js';

let world: FakeWorld;
beforeEach(() => {
  world = fakeWorld([]);
});
afterEach(() => world.remove());

const on = (platform: NodeJS.Platform, arch: string) => Object.assign(world, { platform, arch });

it.each<[NodeJS.Platform, string, 'cpu' | 'cuda', string, string, string]>([
  ['linux', 'x64', 'cpu', 'tensorflow-cpu', 'manylinux_2_27_x86_64', 'libtensorflow_cc.so.2'],
  ['linux', 'x64', 'cuda', 'tensorflow', 'manylinux_2_27_x86_64', 'libtensorflow_cc.so.2'],
  ['linux', 'arm64', 'cpu', 'tensorflow', 'manylinux_2_27_aarch64', 'libtensorflow_cc.so.2'],
  ['darwin', 'arm64', 'cpu', 'tensorflow', 'macosx_12_0_arm64', 'libtensorflow_cc.2.dylib'],
])('knows the wheel for %s-%s (%s)', (platform, arch, variant, name, tag, library) => {
  const { tensorflow, libraries, extra } = distribution(on(platform, arch), variant);
  expect(tensorflow).toEqual({ requirement: `${name}==2.21.*`, platforms: [tag] });
  expect(libraries[0]).toBe(library);
  expect(extra).toBe(variant === 'cuda' ? 'and-cuda' : undefined);
});

it.each<[NodeJS.Platform, string, 'cpu' | 'cuda', string]>([
  ['win32', 'x64', 'cpu', 'not published as a library for Windows'],
  ['darwin', 'x64', 'cpu', 'not published for darwin-x64'],
  ['linux', 'riscv64', 'cpu', 'not published for linux-riscv64'],
  ['linux', 'arm64', 'cuda', 'for Linux on x64 only'],
])('says that nothing is published for %s-%s (%s)', (platform, arch, variant, message) => {
  expect(() => distribution(on(platform, arch), variant)).toThrow(message);
});

it('says that a Linux without glibc is not served', () => {
  world.hasGlibc = () => false;
  expect(() => distribution(on('linux', 'x64'), 'cpu')).toThrow('needs a Linux with glibc');
});

it('reads the requirements of an extra', () => {
  const metadata = [
    'Requires-Dist: numpy>=1.26.0',
    'Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"',
    "Requires-Dist: nvidia-nccl-cu12<3.0 ; extra == 'and-cuda'",
    'Requires-Dist: tensorflow-io; (python_version < "3.13") and extra == "gcs-filesystem"',
  ].join('\n');
  expect(wheelsOfExtra(metadata, 'and-cuda').map(({ requirement }) => requirement)).toEqual([
    'nvidia-cublas-cu12<13.0,>=12.5.3.2',
    'nvidia-nccl-cu12<3.0',
  ]);
});

it('passes over a Python without pip and a pip that is too old', async () => {
  world.install('python3');
  world.answers['python3 -m pip'] = { code: 1, output: 'No module named pip' };
  await expect(findPip(world)).rejects.toThrow('there is no pip');
  world.install('pip3');
  world.answers['pip3'] = { stdout: 'pip 9.0.1 from somewhere (python 3.6)' };
  await expect(findPip(world)).rejects.toThrow('pip 9.0.1 is too old, 20 or newer is needed');
  world.install('pip');
  expect(await findPip(world)).toEqual(['pip']);
});

it("links an addon that finds its libraries beside it, by each system's name for that", async () => {
  const compilation = {
    compiler: ['ccache', 'g++'],
    headers: '/h',
    libraries: ['/l/a', '/l/b'],
    output: '/o',
  };
  on('linux', 'x64');
  world.answers['ccache'] = { code: 0 };
  await compileAddon(world, { ...compilation, rpath: { beside: 'tensorflow' } });
  on('darwin', 'arm64');
  await compileAddon(world, { ...compilation, rpath: { beside: 'tensorflow' } });
  await compileAddon(world, { ...compilation, rpath: { absolute: '/my libs, all' } });
  const [linux, mac, own] = world.commands;
  expect(linux).toMatch(/^ccache g\+\+ -shared .* -o \/o \/l\/a \/l\/b .*\$ORIGIN\/tensorflow$/);
  expect(mac).toMatch(/^ccache g\+\+ -bundle -undefined dynamic_lookup .*@loader_path\/tensorflow$/);
  expect(own).toMatch(/-rpath -Xlinker \/my libs, all$/);
  world.answers['ccache'] = { code: 1, output: 'In file a\na.cc:1: fatal error: no b.h\nstopped' };
  await expect(compileAddon(world, { ...compilation, rpath: { absolute: '/l' } })).rejects.toThrow(
    'ccache could not compile the addon: a.cc:1: fatal error: no b.h',
  );
});
