/**
 * A data set as a training reads it: its captions tokenised once, into a packed file in the cache directory, from which
 * they are read by position. A start with the same text files, settings and images opens that file; any other makes it
 * anew, under a temporary name. Memory holds the validation split, and eight bytes for each training image.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Config, TextConfig } from '../../config/index.js';
import { Lock, messageOf, recoverDirectory, silentLog, UserError, type Log } from '../../core/index.js';
import { readSplits, type CaptionedImage, type Dataset } from '../dataset.js';
import { CaptionEncoder } from '../examples.js';
import type { ImageNames } from '../image-folder.js';
import { openCaptions, type SplitName } from '../readers/index.js';
import { canonicalJson } from '../store-manifest.js';
import { tokenize } from '../tokenize.js';
import { Vocabulary } from '../vocabulary.js';
import { imagesAreSame, writeImageTimes, type ImageTimes } from './image-times.js';
import { Pack, PackWriter } from '../pack.js';
import { PackedExamples, PackedSplit } from './packed-split.js';
import { Told } from './told.js';
import { describeFiles, filesAreSame, type TextFile } from './text-files.js';

const FORMAT = 'showtell-corpus';
const VERSION = 1;

/** What tokenizers may come to cut otherwise: punctuation, clitics, accents, digits, scripts without spaces. */
const PROBE = 'Two "dogs" don\'t run, they\'re 3 m away; é ÀB ’s 一只狗在跑 สุนัขวิ่ง 犬が走る.';

export interface CorpusOptions {
  log: Log;
  signal?: AbortSignal;
  cacheDirectory: string;
}

type CorpusConfig = Pick<Config, 'data' | 'text'>;

/** What a pack says of itself. */
interface Head {
  format: string;
  version: number;
  /** the tokens of PROBE */
  rules: string[];
  files: TextFile[];
  splits: string[];
  images: ImageTimes;
  words: readonly string[];
  /** SHA-256 of the vocabulary, of what is trained on and of the validation split */
  content: string;
  /** SHA-256 of the training and validation images: names, sizes, times */
  imageSet: string;
  told: Told['lines'];
}

export class Corpus {
  readonly vocabulary: Vocabulary;
  readonly train: PackedSplit;
  readonly validation: CaptionedImage[];
  /** SHA-256 of the vocabulary, of what is trained on and of the validation split. */
  readonly content: string;
  /** SHA-256 of names, sizes and times of the training and validation images. */
  readonly imageSet: string;

  constructor(private readonly pack: Pack) {
    const { words, content, imageSet } = pack.head as Head;
    this.vocabulary = Vocabulary.fromWords(words);
    this.train = new PackedSplit(pack, 'train');
    this.validation = [...new PackedSplit(pack, 'validation')];
    this.content = content;
    this.imageSet = imageSet;
  }

  /** What is trained on of the images of `train`, or of those of them that can be used. */
  examples(images: PackedSplit = this.train): PackedExamples {
    return new PackedExamples(this.pack, images);
  }

  /** Names of the training and the validation images. */
  get images(): ImageNames {
    const { train, validation } = this;
    return {
      length: train.length + validation.length,
      *[Symbol.iterator]() {
        yield* train.imageNames();
        for (const { image } of validation) yield image;
      },
    };
  }

  close(): void {
    this.pack.close();
  }
}

/**
 * Opens the corpus of a config, which is made now where there is none, where it is damaged, or where the text files, the
 * settings or the images are others than before.
 * @throws UserError for wrong data, and where the cache directory cannot be written
 */
export async function openCorpus(config: CorpusConfig, options: CorpusOptions): Promise<Corpus> {
  const { log, signal, cacheDirectory } = options;
  const { images, captions, splits } = config.data;
  const paths = { images: resolve(images), captions: resolved(captions), splits: resolved(splits) };
  const key = canonicalJson([{ ...config.data, ...paths }, config.text]);
  const name = createHash('sha256').update(key).digest('hex').slice(0, 16);
  const path = join(cacheDirectory, 'captions', `${config.data.format}-${name}.pack`);
  const known = await reopen(path, config, log);
  if (known) return known;
  makeFolder(dirname(path));
  const lock = await Lock.acquire(`${path}.lock`, 'prepares these captions', log, signal);
  try {
    // Another process may have made it while this one waited.
    return (await reopen(path, config, log, silentLog)) ?? (await build(path, config, options));
  } finally {
    lock.release();
  }
}

/** Relative paths are relative to the working directory. */
function resolved(paths: string | Record<string, string | undefined> | undefined): unknown {
  if (typeof paths !== 'object') return paths && resolve(paths);
  return Object.fromEntries(Object.entries(paths).map(([split, path]) => [split, path && resolve(path)]));
}

/** The corpus as it was made before; undefined where it has to be made. */
async function reopen(
  path: string,
  { data, text }: CorpusConfig,
  log: Log,
  damage = log,
): Promise<Corpus | undefined> {
  if (!existsSync(path)) return undefined;
  let pack: Pack;
  try {
    pack = Pack.open(path);
  } catch (error) {
    damage.warn(`${messageOf(error)}. The captions are read again.`);
    return undefined;
  }
  try {
    const head = pack.head as Head;
    const current =
      head.format === FORMAT &&
      head.version === VERSION &&
      canonicalJson(head.rules) === canonicalJson(tokenize(PROBE, text.tokenizer)) &&
      (await filesAreSame(head.files, (await openCaptions(data)).textFiles)) &&
      imagesAreSame(pack, head.splits, head.images, data.images);
    if (!current) {
      pack.close();
      return undefined;
    }
    const corpus = new Corpus(pack);
    new Told(log, head.told).repeat();
    return corpus;
  } catch (error) {
    pack.close();
    throw error;
  }
}

async function build(path: string, { data, text }: CorpusConfig, { log }: CorpusOptions): Promise<Corpus> {
  const told = new Told(log);
  // What a process that died left.
  recoverDirectory(path, true);
  // Before they are read: what changes meanwhile is noticed by the next start.
  const files = await describeFiles((await openCaptions(data)).textFiles);
  const { dataset, missing } = await readSplits(data, told);
  const vocabulary = Vocabulary.build(tokensOf(dataset.train, text), text);
  let writer: PackWriter | undefined;
  try {
    writer = new PackWriter(path);
    const content = writeCaptions(writer, dataset, vocabulary, text, told);
    const { times, imageSet } = writeImageTimes(writer, { ...dataset }, missing, data.images);
    writer.finish({
      ...{ format: FORMAT, version: VERSION, rules: tokenize(PROBE, text.tokenizer), files },
      ...{ splits: Object.keys(dataset), images: times, words: vocabulary.words },
      ...{ content, imageSet, told: told.lines },
    } satisfies Head);
  } catch (error) {
    writer?.discard();
    throw (error as NodeJS.ErrnoException).syscall === undefined ? error : unwritable(path, error);
  }
  return new Corpus(Pack.open(path));
}

function* tokensOf(images: readonly CaptionedImage[], { tokenizer }: TextConfig): Generator<string[]> {
  for (const { captions } of images) for (const caption of captions) yield tokenize(caption, tokenizer);
}

/** @returns the SHA-256 of the vocabulary, of the encoded training split and of the validation split */
function writeCaptions(
  writer: PackWriter,
  dataset: Dataset,
  vocabulary: Vocabulary,
  text: TextConfig,
  log: Log,
): string {
  const hash = createHash('sha256').update(JSON.stringify([vocabulary, dataset.validation]));
  const encoder = new CaptionEncoder(vocabulary, text);
  PackedExamples.write(writer, dataset.train, ({ image, captions }) => {
    const targets = encoder.encode(image, captions);
    hash.update(JSON.stringify([image, targets]));
    return targets;
  });
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  log.info(
    `vocabulary: ${vocabulary.size} entries; it covers ${percent(encoder.coverage)} of the training words` +
      ` and ${percent(vocabulary.coverage(tokensOf(dataset.validation, text)))} of the validation words`,
  );
  encoder.report(log);
  for (const [split, images] of Object.entries(dataset) as [SplitName, CaptionedImage[]][]) {
    // The captions of the test split are never read.
    const kept = split === 'test' ? images.map(({ image }) => ({ image, captions: [] })) : images;
    PackedSplit.write(writer, split, kept);
  }
  return hash.digest('hex');
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw unwritable(folder, error);
  }
}

function unwritable(path: string, error: unknown): UserError {
  return new UserError(`The captions cannot be packed into ${path}: ${messageOf(error)}.`, {
    hint: 'Set another cache directory (SHOWTELL_CACHE), or make this one writable; it needs about twice the size of the captions.',
    cause: error,
  });
}
