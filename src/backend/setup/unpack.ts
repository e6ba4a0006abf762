/** Unpacks the wanted files of a wheel, which is a zip file. */
import { join } from 'node:path';
import { DamagedZip, unzip, type Log } from '../../core/index.js';
import { SetupFailure } from './failure.js';

/**
 * @param keep whether a file of the wheel is wanted
 * @param folder gets the files under their names in the wheel
 * @returns how many files were written
 */
export async function unpackWheel(
  wheel: string,
  folder: string,
  keep: (name: string) => boolean,
  log: Log,
): Promise<number> {
  try {
    return await unzip(wheel, (name) => (keep(name) ? join(folder, name) : undefined), { log });
  } catch (error) {
    if (!(error instanceof DamagedZip)) throw error;
    throw new SetupFailure('network', `${wheel} is not a whole wheel: ${error.message}`, undefined, error);
  }
}
