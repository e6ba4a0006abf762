/** Where this package and the npm packages of the native backend lie. */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export { packageRoot } from '../core/index.js';

/** CommonJS `require` as seen from this package: TensorFlow.js' Node builds are CommonJS. */
export const require = createRequire(import.meta.url);

/** The folder of an installed npm package, or undefined. */
export function npmPackage(name: string): string | undefined {
  const roots = require.resolve.paths(name) ?? [];
  return roots.map((root) => join(root, name)).find((folder) => existsSync(join(folder, 'package.json')));
}

/** The addon that tfjs-node's own install script leaves in its package, for the newest Node-API it was built for. */
export function npmAddon(folder: string): string | undefined {
  const lib = join(folder, 'lib');
  if (!existsSync(lib)) return undefined;
  return readdirSync(lib)
    .filter((name) => /^napi-v\d+$/.test(name))
    .sort((a, b) => Number(b.slice(6)) - Number(a.slice(6)))
    .map((name) => join(lib, name, 'tfjs_binding.node'))
    .find((path) => existsSync(path));
}
