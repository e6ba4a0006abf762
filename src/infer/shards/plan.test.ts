import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageRank, sampleName } from './images.js';
import { expandRanges, planShards } from './plan.js';

let directory: string;
const at = (...parts: string[]) => join(directory, ...parts);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'showtell-plan-'));
  for (const folder of ['a', 'b', 'photos/inner', 'empty']) mkdirSync(at(folder), { recursive: true });
  for (const tar of ['a/00.tar', 'a/01.tar', 'b/00.tar.gz']) writeFileSync(at(tar), 'x');
  for (const photo of ['1.jpg', '2.PNG', 'inner/3.webp', 'notes.txt'])
    writeFileSync(at('photos', photo), 'x');
  writeFileSync(at('list.csv'), 'key,path\n1,x.jpg\n2,y.jpg\n3,z.jpg\n');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const names = async (options: Parameters<typeof planShards>[0]) =>
  (await planShards(options)).map(({ name }) => name);

describe('planShards', () => {
  it('calls outputs after their inputs, and keeps the folders that a pattern spans', async () => {
    expect(await names({ inputs: [at('a/01.tar'), at('a/*.tar')] })).toEqual(['01', '00']);
    expect(await names({ inputs: [at('**/*.{tar,tar.gz}')] })).toEqual(['a/00', 'a/01', 'b/00']);
    expect(await names({ inputs: [at('a/{00..01}.tar')] })).toEqual(['00', '01']);
  });

  it('cuts folders and lists, and only those', async () => {
    const shards = await planShards({
      inputs: [at('photos'), at('list.csv'), at('a/00.tar')],
      rowsPerShard: 2,
    });
    expect(shards.map(({ name }) => name)).toEqual([
      ...['photos-00000', 'photos-00001', 'list-00000', 'list-00001', '00'],
    ]);
    expect(shards[0].source).toMatchObject({ files: ['1.jpg', '2.PNG'] });
    expect(shards[1].source).toMatchObject({ files: ['inner/3.webp'] });
    expect(shards[3].source).toMatchObject({
      column: 'path',
      slice: { first: 2, rows: 1 },
      images: directory,
    });
  });

  it.each<[string, () => Parameters<typeof planShards>[0], RegExp]>([
    ['what is not there', () => ({ inputs: [at('gone.tar')] }), /there is no file or folder .*gone\.tar/],
    [
      'a range with a gap',
      () => ({ inputs: [at('a/{00..02}.tar')] }),
      /there is no file or folder .*02\.tar/,
    ],
    ['a pattern without a match', () => ({ inputs: [at('*.tgz')] }), /no file matches/],
    ['another kind of file', () => ({ inputs: [at('photos/notes.txt')] }), /neither a shard, nor a list/],
    ['a folder without images', () => ({ inputs: [at('empty')] }), /holds no image/],
    ['a column that is not there', () => ({ inputs: [at('list.csv')], column: 'url' }), /no column "url"/],
    ['no rows', () => ({ inputs: [at('list.csv')], rowsPerShard: 0 }), /0 rows per shard/],
    [
      'two of one name',
      () => ({ inputs: [at('a/00.tar'), at('b/00.tar.gz')] }),
      /a.00\.tar and .*b.00\.tar\.gz would both be written to "00"/,
    ],
  ])('refuses %s', async (_, options, message) => {
    await expect(planShards(options())).rejects.toThrow(message);
  });

  it('names the shards of a folder that was given instead of them', async () => {
    const error = await planShards({ inputs: [at('a')] }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ hint: `it holds shards: --input '${at('a', '*.tar')}'` });
  });
});

describe('expandRanges', () => {
  it('keeps the digits, and expands several', () => {
    expect(expandRanges('{08..11}.tar')).toEqual(['08.tar', '09.tar', '10.tar', '11.tar']);
    expect(expandRanges('{0..1}/{5..6}')).toEqual(['0/5', '0/6', '1/5', '1/6']);
    expect(expandRanges('{a,b}.tar')).toEqual(['{a,b}.tar']);
    expect(() => expandRanges('{3..1}')).toThrow(/no range/);
  });
});

describe('samples of a tar', () => {
  // As WebDataset's base_plus_ext, but for names that begin with a dot, which are no samples.
  it.each<[string, ReturnType<typeof sampleName>]>([
    ['000.jpg', { key: '000', field: 'jpg' }],
    ['a.b/c.left.JPG', { key: 'a.b/c', field: 'left.jpg' }],
    ['./000.json', { key: './000', field: 'json' }],
    ['README', null],
    ['a.b/README', null],
    ['.hidden.jpg', null],
    ['a/._000.jpg', null],
  ])('calls %s', (name, expected) => expect(sampleName(name)).toEqual(expected));

  it('prefers plain fields, and among them jpg', () => {
    const fields = ['png', 'left.jpg', 'json', 'jpeg', 'jpg', 'txt'];
    const ranked = fields.filter((field) => imageRank(field) !== null);
    expect(ranked.sort((a, b) => imageRank(a)! - imageRank(b)!)).toEqual(['jpg', 'jpeg', 'png', 'left.jpg']);
  });
});
