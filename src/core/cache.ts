import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * The directory for what can be made again (native runtime, feature stores): `SHOWTELL_CACHE`, else the platform's
 * cache directory.
 */
export function cacheDirectory(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  if (environment.SHOWTELL_CACHE) return resolve(environment.SHOWTELL_CACHE);
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'showtell');
  if (platform === 'win32') {
    return join(environment.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'showtell', 'Cache');
  }
  return join(environment.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'showtell');
}
