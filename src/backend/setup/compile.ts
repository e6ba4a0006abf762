/**
 * Compiles tfjs-node-gpu's addon from its unmodified sources, as its binding.gyp says. It uses Node-API only, whose
 * headers the npm package node-api-headers has, so that neither node-gyp nor Node's own headers are needed.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { npmPackage } from '../paths.js';
import { addonPackage } from '../runtime.js';
import { SetupFailure } from './failure.js';
import type { World } from './world.js';

/** The newest that tfjs-node-gpu's package.json lists. */
const nodeApiVersion = 8;

export interface Compilation {
  /** The compiler's command line. */
  compiler: string[];
  /** The folder that `tensorflow/c/c_api.h` is relative to. */
  headers: string;
  /** TensorFlow's libraries. */
  libraries: string[];
  /** Where the addon looks for them: absolute, or relative to its own folder. */
  rpath: { absolute: string } | { beside: string };
  /** The addon to write. */
  output: string;
}

export async function compileAddon(world: World, compilation: Compilation): Promise<void> {
  const { compiler, headers, libraries, rpath, output } = compilation;
  const nodeApi = npmPackage('node-api-headers');
  if (!nodeApi) throw new Error('the npm package node-api-headers is not installed');
  const binding = join(addonPackage(), 'binding');
  const sources = readdirSync(binding).filter((name) => name.endsWith('.cc'));
  const mac = world.platform === 'darwin';
  const origin = mac ? '@loader_path' : '$ORIGIN';
  const result = await world.run([
    ...compiler,
    // Node itself brings the Node-API functions when it loads the addon.
    ...(mac ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared']),
    ...['-fPIC', '-std=c++17', '-O2', `-DNAPI_VERSION=${nodeApiVersion}`],
    ...['-I', join(nodeApi, 'include'), '-I', headers],
    ...sources.map((name) => join(binding, name)),
    ...['-o', output, ...libraries],
    ...['-Xlinker', '-rpath', '-Xlinker', 'beside' in rpath ? `${origin}/${rpath.beside}` : rpath.absolute],
  ]);
  if (result.code === 0) return;
  const lines = result.output.split('\n');
  const error = lines.find((line) => /\berror\b/i.test(line)) ?? lines.findLast(Boolean) ?? 'it said nothing';
  throw new SetupFailure('build', `${compiler[0]} could not compile the addon: ${error.trim()}`);
}
