/** METEOR's data on this machine: a directory that `showtell setup --meteor` writes once. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, writeDirectoryAtomic } from '../../core/index.js';
import { buildParaphrases } from './build-paraphrases.js';
import type { Prefixes } from './normalize.js';
import { packParaphrases, unpackParaphrases, type ParaphraseArrays } from './paraphrases.js';

const FORMAT = 1;
const MANIFEST = 'manifest.json';
const PARAPHRASES = 'paraphrases.bin';
/** Files of METEOR's jar, and what they are called here. */
export const jarFiles = {
  'function/english.words': 'function.words',
  'nonbreaking/english.prefixes': 'prefixes.txt',
  'synonym/english.synsets': 'synsets.txt',
  'synonym/english.exceptions': 'exceptions.txt',
  'synonym/COPYING.WORDNET': 'COPYING.WORDNET',
} as const;

interface Manifest {
  format: number;
  /** what the data was made from */
  source: string;
  /** bytes by file name */
  files: Record<string, number>;
}

export interface MeteorData {
  functionWords: ReadonlySet<string>;
  prefixes: Prefixes;
  synsets: string;
  exceptions: string;
  paraphrases: ParaphraseArrays;
}

export function meteorDataDirectory(cacheDirectory: string): string {
  return join(cacheDirectory, 'meteor-1.5');
}

export function hasMeteorData(directory: string): boolean {
  return existsSync(join(directory, MANIFEST));
}

/**
 * Writes the data; the directory is whole or not there.
 * @param jar gives the content of a file of METEOR's jar by its name
 * @param paraphrases path of the table `paraphrase-en.gz`
 * @param source what both come from, with its version and hash
 */
export async function writeMeteorData(
  directory: string,
  jar: (name: string) => Promise<Buffer>,
  paraphrases: string,
  source: string,
): Promise<void> {
  const files: Record<string, Uint8Array> = {};
  for (const [inJar, name] of Object.entries(jarFiles)) files[name] = await jar(inJar);
  files[PARAPHRASES] = packParaphrases(await buildParaphrases(paraphrases));
  const manifest: Manifest = {
    format: FORMAT,
    source,
    files: Object.fromEntries(Object.entries(files).map(([name, { length }]) => [name, length])),
  };
  writeDirectoryAtomic(directory, {
    ...files,
    [MANIFEST]: Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`),
  });
}

/** @throws UserError for a directory without data, or with other or damaged data */
export async function readMeteorData(directory: string): Promise<MeteorData> {
  const fetch = { hint: '`showtell setup --meteor` fetches it.' };
  const again = { hint: '`showtell setup --meteor --force` writes it anew.' };
  if (!hasMeteorData(directory)) throw new UserError(`METEOR's data is not in ${directory}.`, fetch);
  const manifest = await readFile(join(directory, MANIFEST), 'utf8')
    .then((text) => JSON.parse(text) as Manifest)
    .catch(() => undefined);
  if (manifest?.format !== FORMAT) {
    throw new UserError(`METEOR's data in ${directory} is of another version of showtell.`, again);
  }
  const read = async (name: string) => {
    const content = await readFile(join(directory, name)).catch(() => undefined);
    if (content?.length !== manifest.files[name]) {
      throw new UserError(`METEOR's data in ${directory} is damaged: ${name} is not whole.`, again);
    }
    return content;
  };
  const text = async (name: string) => (await read(name)).toString('utf8');
  return {
    functionWords: new Set((await text('function.words')).split('\n').filter((word) => word !== '')),
    prefixes: parsePrefixes(await text('prefixes.txt')),
    synsets: await text('synsets.txt'),
    exceptions: await text('exceptions.txt'),
    paraphrases: unpackParaphrases(await read(PARAPHRASES), join(directory, PARAPHRASES)),
  };
}

/** Lines with a word, and perhaps the mark of those that count only before a number. */
function parsePrefixes(text: string): Prefixes {
  const always = new Set<string>();
  const beforeNumbers = new Set<string>();
  for (const line of text.split('\n')) {
    const [word, mark] = line.trim().split(/\s+/);
    if (word === '' || word.startsWith('#')) continue;
    (mark === '#NUMERIC_ONLY#' ? beforeNumbers : always).add(word);
  }
  return { always, beforeNumbers };
}
