import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readGolden } from '../../../tests/helpers.js';
import { cacheDirectory } from '../../core/index.js';
import { loadMeteor, Meteor, meteorDataDirectory, writeMeteorData } from '../index.js';
import { normalize } from './normalize.js';
import { porter2 } from './porter2.js';

const golden = readGolden('meteor.json') as {
  stems: [string, string][];
  normalized: [string, string][];
  cases: { hypothesis: string; references: string[]; score: number }[];
};
const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

const jar: Record<string, string> = {
  'function/english.words': 'a\nthe\nis\nin\n',
  'nonbreaking/english.prefixes': '# names\nMr\n\nNo #NUMERIC_ONLY#\n',
  'synonym/english.synsets': 'dog\n 1 2\nhound\n 2\ncat\n 3\nbig\n 4\nlarge\n 4\n',
  'synonym/english.exceptions': 'mouse\nmice\n',
  'synonym/COPYING.WORDNET': 'licence',
};
const table = [
  '0.5',
  'fire engine',
  'fire truck',
  '0.2',
  'runs',
  'is running',
  '0.1',
  'runs',
  'is on the run',
  '',
];

let directory: string;
let meteor: Meteor;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'showtell-meteor-'));
  const file = join(directory, 'table.gz');
  writeFileSync(file, gzipSync(table.join('\n')));
  const source = async (name: string) => Buffer.from(jar[name]);
  await writeMeteorData(meteorDataDirectory(directory), source, file, 'made up');
  meteor = (await loadMeteor(directory))!;
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const score = (hypothesis: string, ...references: string[]) =>
  meteor.score([words(hypothesis)], [references.map(words)]).score;

/** The formula of the score, from weighted precision and recall and the fragmentation. */
const formula = (precision: number, recall: number, fragmentation: number) =>
  (1 / (0.15 / precision + 0.85 / recall)) * (1 - 0.6 * fragmentation ** 0.2);

describe('METEOR', () => {
  it('weighs content words three times as much as function words', () => {
    // "a" and "dog" match in one chunk of "a dog" (0.25 + 0.75 of 1) and of "a dog barks" (1 of 1.75).
    expect(score('a dog', 'a dog barks')).toBeCloseTo(formula(1, 1 / 1.75, 1 / 2), 12);
  });

  it('matches stems for 0.6, synonyms for 0.8, paraphrases for 0.6 of a word', () => {
    expect(score('barks', 'bark')).toBeCloseTo(formula(0.6, 0.6, 0), 12);
    expect(score('hound', 'dog')).toBeCloseTo(formula(0.8, 0.8, 0), 12);
    expect(score('fire truck', 'fire engine')).toBeCloseTo(formula(0.6, 0.6, 0), 12);
    // Two words against one: "is" is a function word, 0.6 (0.75 + 0.25) of 1.
    expect(score('is running', 'runs')).toBeCloseTo(formula(0.6, 0.6, 0), 12);
  });

  it('finds synonyms by base forms', () => {
    expect(score('hounds', 'dogs')).toBeCloseTo(formula(0.8, 0.8, 0), 12);
    expect(score('cats', 'dogs')).toBe(0);
  });

  it('passes over a word that two matchers offer, and nothing joins: the search counts both as 0, as the jar does', () => {
    expect(score('dogs', 'dog')).toBe(0);
  });

  it('punishes fragmentation', () => {
    expect(score('dog cat', 'cat dog')).toBeCloseTo(formula(1, 1, 2 / 2), 12);
    expect(score('dog cat bird', 'dog cat bird')).toBe(1);
  });

  it('takes the best reference', () => {
    expect(score('a dog', 'cat', 'a dog', 'bird')).toBe(1);
    expect(score('a dog', 'a dog', 'a dog')).toBe(1);
  });

  it('gives nothing to a caption without words, and nothing for a reference without', () => {
    expect(score('', 'a dog')).toBe(0);
    expect(score('a dog', '')).toBe(0);
    expect(score('', '')).toBe(0);
  });

  it("makes a set's score of the sums of its statistics, not of the mean", () => {
    const hypotheses = ['a dog', 'cat'].map(words);
    const references = [['a dog barks'], ['bird']].map((captions) => captions.map(words));
    const scored = meteor.score(hypotheses, references);
    // Weighted: matches 1 of 1.75 words and of 2.5 words of the references; one chunk of two words.
    expect(scored.score).toBeCloseTo(formula(1 / 1.75, 1 / 2.5, 1 / 2), 12);
    expect(scored.scoreOf([0])).toBeCloseTo(scored.perImage[0], 12);
    expect(scored.scoreOf([1, 1])).toBe(0);
    expect(scored.scoreOf([0, 1])).toBe(scored.score);
  });

  it('names the image that has no reference', () => {
    expect(() => meteor.score([['a']], [[]], ['one.jpg'])).toThrow(/METEOR .* one\.jpg has none/);
  });

  it('refuses data that is missing or damaged', async () => {
    const data = meteorDataDirectory(directory);
    await expect(Meteor.load(join(directory, 'nowhere'))).rejects.toThrow(
      /METEOR's data is not in .*nowhere/,
    );
    expect(await loadMeteor(join(directory, 'nowhere'))).toBeUndefined();
    truncateSync(join(data, 'synsets.txt'), 5);
    await expect(Meteor.load(data)).rejects.toThrow(/damaged: synsets\.txt is not whole/);
    writeFileSync(join(data, 'manifest.json'), '{"format": 99}');
    await expect(Meteor.load(data)).rejects.toThrow(/of another version/);
  });

  it('refuses a table that is none, and leaves nothing behind', async () => {
    const file = join(directory, 'bad.gz');
    writeFileSync(file, gzipSync('0.5\nonly a phrase\n'));
    const target = join(directory, 'never');
    const source = async () => Buffer.from('');
    await expect(writeMeteorData(target, source, file, 'made up')).rejects.toThrow(
      /no table of paraphrases: 2 lines/,
    );
    await expect(Meteor.load(target)).rejects.toThrow(/is not in/);
  });
});

describe('parts of METEOR as in the jar', () => {
  it('stems', () => {
    for (const [word, stem] of golden.stems) expect([word, porter2(word)]).toEqual([word, stem]);
  });

  it('normalised text', () => {
    const always =
      'A B C D E F G H I J K L M N O P Q R S T U V W X Y Z Adj Adm Adv Asst Bart Bldg Brig Bros Capt Cmdr Col Comdr Con ' +
      'Corp Cpl DR Dr Drs Ens Gen Gov Hon Hr Hosp Insp Lt MM MR MRS MS Maj Messrs Mlle Mme Mr Mrs Ms Msgr Op Ord Pfc Ph ' +
      'Prof Pvt Rep Reps Res Rev Rt Sen Sens Sfc Sgt Sr St Supt Surg v vs i.e rev e.g Nos Nr';
    const prefixes = { always: new Set(always.split(' ')), beforeNumbers: new Set(['No', 'Art', 'pp']) };
    for (const [text, normalized] of golden.normalized) {
      expect([text, normalize(text, prefixes).join(' ')]).toEqual([text, normalized]);
    }
  });
});

const real = await loadMeteor(cacheDirectory(process.env, process.platform));

describe.skipIf(!real)('METEOR with its data (without: run `showtell setup --meteor`)', () => {
  it('equals the jar', () => {
    for (const { hypothesis, references, score } of golden.cases) {
      const found = real!.score([words(hypothesis)], [references.map(words)]);
      expect(Math.abs(found.score - score)).toBeLessThan(1e-9);
    }
  });

  const sets = readGolden('metrics.json') as {
    references: Record<string, string[][]>;
    cases: {
      name: string;
      references: string;
      hypotheses: string[];
      meteor: number;
      meteor_images: number[];
    }[];
  };
  it.each(sets.cases)('equals pycocoevalcap: $name', (set) => {
    const references = sets.references[set.references].map((captions) => captions.map(words));
    const { score, perImage } = real!.score(set.hypotheses.map(words), references);
    expect(Math.abs(score - set.meteor)).toBeLessThan(1e-9);
    set.meteor_images.forEach((expected, i) => expect(Math.abs(perImage[i] - expected)).toBeLessThan(1e-9));
  });
});
