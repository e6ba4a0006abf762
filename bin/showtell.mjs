#!/usr/bin/env node
/** Starts the command line; in a fresh checkout it installs and compiles first. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

// An installed package has no sources: there is nothing to compile then.
if (existsSync(join(root, 'src'))) {
  const { prepareCheckout } = await import('../scripts/bootstrap.mjs');
  await prepareCheckout();
}
const { main } = await import(pathToFileURL(join(root, 'dist', 'cli', 'main.js')).href);
process.exitCode = await main(process.argv.slice(2));
