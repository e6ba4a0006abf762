/** The dataset doctor: reads everything that a training would read and says what it would stumble over. */
import { readFile } from 'node:fs/promises';
import type { Config } from '../../config/index.js';
import { UserError, type Log } from '../../core/index.js';
import {
  openCaptions,
  splitNames,
  type CaptionedImage,
  type CaptionSource,
  type SplitName,
} from '../readers/index.js';
import { invalidLines } from '../text-file.js';
import { Vocabulary } from '../vocabulary.js';
import { checkCaptions, describeSplit, tokenizeSplit, type CheckedSplit } from './captions.js';
import { NEAR_BITS } from './fingerprint.js';
import { examineImages, type ImageFacts } from './image-facts.js';
import { checkFiles, checkSame, type Splits } from './images.js';
import { Findings, type CheckReport } from './report.js';

export interface CheckOptions {
  log: Log;
  signal?: AbortSignal;
  /** that decode images; by default one a processor core, at most 8 */
  threads?: number;
}

/**
 * Checks the data set of a config. What is wrong with the data becomes a finding, not an error.
 * @throws the signal's reason when it is aborted
 */
export async function checkData(config: Config, options: CheckOptions): Promise<CheckReport> {
  const findings = new Findings();
  const splits = await readSplits(config.data, options, findings);
  const checked = [...splits].map(([name, images]) => tokenizeSplit(name, images, config.text));
  const vocabulary = buildVocabulary(checked, config.text, findings);
  const names = [...new Set([...splits.values()].flatMap((images) => images.map(({ image }) => image)))];
  const facts = await examineImages(names, config.data.images, options);
  checkFiles(splits, facts, config, findings);
  checkSame(splits, facts, config.data, findings);
  checkCaptions(checked, config.text, findings);
  const reports = checked.map((split) => [split.name, describeSplit(split, vocabulary)] as const);
  const list = findings.sorted();
  return {
    format: 'showtell-data-check',
    version: 1,
    stops: list.some(({ severity }) => severity === 'error'),
    name: config.name,
    data: config.data,
    text: config.text,
    splits: Object.fromEntries(reports),
    vocabulary: vocabulary && {
      size: vocabulary.size,
      minCount: config.text.minCount,
      types: Object.fromEntries(reports).train?.types ?? 0,
    },
    images: describeImages(facts),
    findings: list,
  };
}

/** The splits that can be read; why others cannot is found. */
async function readSplits(data: Config['data'], { log }: CheckOptions, findings: Findings): Promise<Splits> {
  const splits = new Map<SplitName, CaptionedImage[]>();
  const unreadable = new Set<string>();
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      unreadable.add([error.message, error.hint].filter(Boolean).join('\n'));
      return undefined;
    }
  };
  const warnings: string[] = [];
  const source = await attempt(() => openCaptions(data));
  if (source) {
    await checkUtf8(source, findings);
    // Train and validation must be there; a test split need not.
    const optional = await attempt(() => source.splits());
    for (const name of splitNames) {
      if (name === 'test' && !optional?.includes(name)) continue;
      const collect: Log = { ...log, warn: (line) => warnings.push(line) };
      const images = await attempt(() => source.split(name, collect));
      if (images) splits.set(name, images);
    }
  }
  findings.add('unreadable-file', 'error', [...unreadable], () => 'The captions or splits cannot be read');
  findings.add(
    'listed-again',
    'note',
    warnings,
    () => 'The files of the splits hold names that do not count',
  );
  return splits;
}

/** All lines that are not UTF-8; a reader stops at the first. */
async function checkUtf8(source: CaptionSource, findings: Findings): Promise<void> {
  for (const file of source.textFiles) {
    const bytes = await readFile(file).catch(() => Buffer.alloc(0)); // the reader says what is missing
    const lines = [...invalidLines(bytes)].map((line) => `${file}:${line}`);
    findings.add('invalid-utf8', 'error', lines, (n) => `${n} lines of ${file} are not UTF-8`);
  }
}

function buildVocabulary(
  splits: readonly CheckedSplit[],
  text: Config['text'],
  findings: Findings,
): Vocabulary | null {
  const train = splits.find(({ name }) => name === 'train');
  if (!train) return null;
  try {
    return Vocabulary.build(train.tokens.flat(), text);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    findings.add('empty-vocabulary', 'error', [error.hint ?? ''], () => error.message.replace(/\.$/, ''));
    return null;
  }
}

function describeImages(facts: ReadonlyMap<string, ImageFacts>): CheckReport['images'] {
  const usable = [...facts.values()].flatMap((found) => ('problem' in found ? [] : [found]));
  return {
    checked: facts.size,
    usable: usable.length,
    bytes: usable.reduce((sum, { bytes }) => sum + bytes, 0),
    width: spread(usable.map(({ width }) => width)),
    height: spread(usable.map(({ height }) => height)),
    nearBits: NEAR_BITS,
  };
}

function spread(values: number[]): [number, number, number] | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  return [sorted[0], sorted[sorted.length >> 1], sorted[sorted.length - 1]];
}
