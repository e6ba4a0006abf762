/** What only one format can get wrong. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog, UserError } from '../../core/index.js';
import type { DataConfig } from '../../config/index.js';
import type { BadLine } from '../text-file.js';
import { captionReaders, openCaptions } from './index.js';

/** What a reader objects to, as `line: why`. */
function problems(format: DataConfig['format'], text: string, file = 'file'): string[] {
  const bad: BadLine[] = [];
  captionReaders[format].read(text, file, bad);
  return bad.map(({ line, why }) => `${line}: ${why}`);
}
const captionsOf = (format: DataConfig['format'], text: string, file = 'file') =>
  Object.fromEntries(captionReaders[format].read(text, file, []).captions);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'showtell-formats-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
function write(name: string, content = ''): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), content);
}

describe('flickr-csv', () => {
  it('finds every broken row; an open quote spoils only its own', () => {
    expect(
      problems(
        'flickr-csv',
        'image,caption\na.jpg,A dog, running\nb.jpg,"open quote\n,no name\nc.jpg,\nc.jpg,fine\nc.jpg,"x" y\nb.jpg',
      ),
    ).toEqual([
      expect.stringMatching(/^3: Quote Not Closed/),
      expect.stringMatching(/^7: Invalid Closing Quote/),
      '2: 3 fields where the header has 2',
      '4: the image name is empty',
      '5: the caption of c.jpg is empty',
      '8: 1 fields where the header has 2',
    ]);
  });

  it('takes no quote that runs on over several lines for a caption', () => {
    const found = problems('flickr-csv', 'image,caption\na.jpg,"one\nb.jpg,two"\nc.jpg,three\n');
    expect(found.map((line) => line[0])).toEqual(['2', '3']);
  });

  it('tells a file without the header apart', () => {
    expect(() => problems('flickr-csv', 'a.jpg#0\tTwo')).toThrow(
      'file:1: no header with the columns image and caption.',
    );
  });
});

it('flickr-token: each kind of broken line', () => {
  expect(problems('flickr-token', 'a.jpg\tno number\na.jpg#0 no tab\n#1\tno name\na.jpg#1\t ')).toEqual([
    '1: no #n after the image name',
    '2: no tab between name#n and the caption',
    '3: the image name is empty',
    '4: the caption of a.jpg is empty',
  ]);
});

describe('karpathy-json', () => {
  const file = (...images: unknown[]) => JSON.stringify({ images, dataset: 'tiny' });
  const image = (changes: object) => ({
    filename: 'a.jpg',
    split: 'train',
    sentences: [{ raw: 'One' }],
    ...changes,
  });

  it('refuses to be a split alone where it holds others', async () => {
    write('a.json', file(image({}), image({ filename: 'b.jpg', split: 'test' })));
    const captions = { train: join(folder, 'a.json'), validation: join(folder, 'a.json') };
    const source = await openCaptions({
      ...{ format: 'karpathy-json', captions, images: folder },
      ...{ onBadImage: 'error', onSharedImages: 'error' },
    });
    await expect(source.split('train', silentLog)).rejects.toThrow(
      /1 images of .*a\.json are of other splits than train, as b\.jpg of test/,
    );
  });

  it('keeps within the image folder', () => {
    const [problem] = problems('karpathy-json', file(image({ filename: '../../b.jpg' })));
    expect(problem).toMatch(/leads out of the image folder/);
    expect(problems('flickr-token', '../a.jpg#0\tOne')).toEqual([
      '1: ../a.jpg leads out of the image folder',
    ]);
  });

  it('finds every broken entry', () => {
    const entries = [
      image({}),
      image({}),
      image({ filename: 'b.jpg', split: 'dev' }),
      image({ filename: 'c.jpg', sentences: [] }),
      image({ filename: 'd.jpg', sentences: [{}] }),
      image({ filepath: 7 }),
      [],
      null,
    ];
    expect(problems('karpathy-json', file(...entries))).toEqual([
      '1: images[1]: a.jpg is there already',
      '1: images[2]: the split of b.jpg is "dev", not one of train, restval, val, test',
      '1: images[3]: c.jpg has no sentences',
      '1: images[4]: the caption of d.jpg is empty',
      '1: images[5]: filepath is no text',
      '1: images[6]: [] is no object',
      '1: images[7]: null is no object',
    ]);
  });

  it('takes the tokens where there is no raw text', () => {
    expect(captionsOf('karpathy-json', file(image({ sentences: [{ tokens: ['a', 'dog'] }] })))).toEqual({
      'a.jpg': ['a dog'],
    });
  });

  it('names the line of an entry that is no JSON, and goes on behind it', () => {
    const text = `{\n"images": [\n${JSON.stringify(image({}))},\n{"filename": 'b'},\n${JSON.stringify(image({}))}\n]}`;
    expect(problems('karpathy-json', text)).toEqual([
      expect.stringMatching(/^4: images\[1\]: no JSON: /),
      '5: images[2]: a.jpg is there already',
    ]);
  });

  it.each([
    ['{"images": [{"a": 1}', /^file:1: not JSON: "," or "\]" was expected/],
    ['{"images": [{"a": "b\\"}]}', /^file:1: not JSON: what begins here has no end; is the file cut off\?/],
    ['\n[]', /^file:2: not JSON: "\{" was expected/],
    ['{"images": []} x', /nothing was expected after the last/],
    ['{"images": {}}', /^file has no list "images"/],
    ['{"annotations": []}', /^file has no list "images"/],
    ['{images: []}', /a name in double quotes was expected/],
  ])('refuses %j', (text, message) => {
    expect(() => problems('karpathy-json', text)).toThrow(message);
    expect(() => problems('karpathy-json', text)).toThrow(UserError);
  });
});

describe('coco-annotations', () => {
  it('finds every broken entry, whichever list comes first', () => {
    const images = [
      { id: 1, file_name: 'a.jpg' },
      { id: 1, file_name: 'b.jpg' },
      { id: 2, file_name: 'a.jpg' },
      { id: 3, file_name: 'c.jpg' },
      { id: 4, file_name: 'd.jpg' },
      { file_name: 'e.jpg' },
    ];
    const annotations = [
      { image_id: 1, caption: 'One' },
      { image_id: 9, caption: 'Of none' },
      { image_id: 4, caption: ' ' },
      { caption: 'Of none' },
    ];
    const expected = [
      '1: annotations[1]: no image has the id 9',
      '1: annotations[2]: the caption of d.jpg is empty',
      '1: annotations[3]: image_id is missing, not a number or text',
      '1: images[1]: the id 1 is there already, of a.jpg',
      '1: images[2]: a.jpg is there already, in images[0]',
      '1: images[3]: c.jpg has no caption',
      '1: images[5]: id is missing, not a number or text',
    ];
    expect(problems('coco-annotations', JSON.stringify({ images, annotations })).sort()).toEqual(expected);
    const lines = problems(
      'coco-annotations',
      `{"images": [],\n"annotations": [\n${JSON.stringify(annotations[1])}]}`,
    );
    expect(lines).toEqual(['3: annotations[0]: no image has the id 9']);
    expected[1] = '1: annotations[2]: the caption of image 4 is empty';
    expect(problems('coco-annotations', JSON.stringify({ annotations, images })).sort()).toEqual(expected);
  });

  it("finds images in the folders of COCO's archives, and says where a name is in two", async () => {
    for (const name of ['train2014/a.jpg', 'train2014/c.jpg', 'val2014/b.jpg']) write(`images/${name}`);
    const one = (file_name: string) =>
      JSON.stringify({ images: [{ id: 1, file_name }], annotations: [{ image_id: 1, caption: 'One' }] });
    write('train.json', one('a.jpg'));
    write('val.json', one('b.jpg'));
    const source = await openCaptions({
      format: 'coco-annotations',
      captions: { train: join(folder, 'train.json'), validation: join(folder, 'val.json') },
      images: join(folder, 'images'),
      onBadImage: 'error',
      onSharedImages: 'error',
    });
    expect(await source.splits()).toEqual(['train', 'validation']);
    expect(await source.split('train', silentLog)).toEqual([{ image: 'train2014/a.jpg', captions: ['One'] }]);
    expect(await source.split('validation', silentLog)).toEqual([
      { image: 'val2014/b.jpg', captions: ['One'] },
    ]);
    await expect(source.split('test', silentLog)).rejects.toThrow('The config names no test split.');
    write('images/val2014/a.jpg');
    await expect(source.split('train', silentLog)).rejects.toThrow(/a\.jpg is in more than one subfolder/);
  });
});

describe('imagefolder', () => {
  const config = (): DataConfig => ({
    format: 'imagefolder',
    images: folder,
    onBadImage: 'error',
    onSharedImages: 'error',
  });

  it('takes several columns, and lists', () => {
    expect(
      captionsOf(
        'imagefolder',
        'caption_1,file_name,caption_2,width\nOne,a.jpg,Two,5\nThree,a.jpg,,5',
        'm.csv',
      ),
    ).toEqual({ 'a.jpg': ['One', 'Two', 'Three'] });
    const lines = [
      { file_name: 'a.jpg', text: ['One', 'Two'], label: 3 },
      { file_name: 'b.jpg', caption: 'Three', text: null },
    ];
    expect(
      captionsOf('imagefolder', lines.map((line) => JSON.stringify(line)).join('\n'), 'm.jsonl'),
    ).toEqual({
      'a.jpg': ['One', 'Two'],
      'b.jpg': ['Three'],
    });
  });

  it('finds every broken line', () => {
    const lines = [
      '{',
      '[]',
      '{"text": "One"}',
      '{"file_name": "a"}',
      '{"file_name": "a", "text": [3]}',
      '{"file_name": 3}',
    ];
    expect(problems('imagefolder', lines.join('\n'), 'm.jsonl')).toEqual([
      expect.stringMatching(/^1: no JSON: /),
      '2: no JSON object',
      '3: no file_name',
      '4: no text or caption',
      '5: text is neither a text nor a list of texts',
      '6: file_name is no text',
    ]);
    expect(() => problems('imagefolder', 'file,text\na,b', 'm.csv')).toThrow(
      'm.csv:1: no header with the column file_name and a column text or caption; it has file, text.',
    );
  });

  it('knows the names that folders of splits have, and tells of images in none', async () => {
    write('training/metadata.csv', 'file_name,text\na.jpg,One');
    write('val/metadata.jsonl', '{"file_name": "b.jpg", "text": "Two"}');
    const source = await openCaptions(config());
    expect(await source.splits()).toEqual(['train', 'validation']);
    expect(await source.split('validation', silentLog)).toEqual([{ image: 'val/b.jpg', captions: ['Two'] }]);
    rmSync(join(folder, 'training'), { recursive: true });
    rmSync(join(folder, 'val'), { recursive: true });
    write('metadata.csv', 'file_name,text\ntrain/a.jpg,One\nextra/b.jpg,Two');
    const warnings: string[] = [];
    await (
      await openCaptions(config())
    ).split('train', { ...silentLog, warn: (line) => warnings.push(line) });
    expect(warnings).toEqual([
      expect.stringMatching(/^1 images of .* are in the folder of no split, as extra\/b\.jpg/),
    ]);
  });

  it.each([
    [{}, /holds no metadata\.csv and no metadata\.jsonl/],
    [{ 'metadata.csv': '', 'metadata.jsonl': '' }, /holds both metadata\.csv and metadata\.jsonl/],
    [{ 'metadata.csv': '', 'train/metadata.csv': '' }, /metadata in .* and in its subfolders/],
    [
      { 'train/metadata.csv': '', 'training/metadata.csv': '' },
      /more than one folder of the train split: train, training/,
    ],
  ])('says which metadata it takes: %j', async (files, message) => {
    for (const [name, text] of Object.entries(files)) write(name, text);
    await expect(openCaptions(config())).rejects.toThrow(message);
  });
});
