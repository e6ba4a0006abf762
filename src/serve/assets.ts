/** The files of the page, read once: no path of a request is ever looked up on the disk. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { packageRoot } from '../backend/index.js';

export interface Asset {
  bytes: Uint8Array<ArrayBuffer>;
  type: string;
  etag: string;
}

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** By the path of their URL: `/` is the page, `/page/NAME` what it loads. */
export function readAssets(): Map<string, Asset> {
  const folder = join(packageRoot(), 'dist', 'serve', 'page');
  const assets = new Map<string, Asset>();
  for (const name of readdirSync(folder)) {
    const type = types[extname(name)];
    if (!type) continue;
    const bytes = Uint8Array.from(readFileSync(join(folder, name)));
    const etag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`;
    assets.set(name === 'index.html' ? '/' : `/page/${name}`, { bytes, type, etag });
  }
  return assets;
}
