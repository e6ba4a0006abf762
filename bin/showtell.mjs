#!/usr/bin/env node
/** Starts the command line; in a fresh checkout it installs and compiles first. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

// Images are decoded on libuv's threads, of which there are four unless this says otherwise before the first is used.
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));

// An installed package has no sources: there is nothing to compile then.
if (existsSync(join(root, 'src'))) {
  const { prepareCheckout } = await import('../scripts/bootstrap.mjs');
  await prepareCheckout();
}
const { main } = await import(pathToFileURL(join(root, 'dist', 'cli', 'main.js')).href);
process.exitCode = await main(process.argv.slice(2));
