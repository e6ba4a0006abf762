import { expect, it } from 'vitest';
import { captionFilesOf } from './caption-files.js';
import { formatConfig, parseConfig } from './load.js';

const parse = (data: object) =>
  parseConfig(
    `name: tiny\noutput: out\nencoder: { name: small_cnn }\ndecoder: { type: lstm }\ndata: ${JSON.stringify(data)}\n`,
    'tiny.yaml',
  );

it.each([
  [{ format: 'karpathy-json', captions: 'c.json' }, ['c.json']],
  [{ format: 'imagefolder' }, []],
  [{ format: 'coco-annotations', captions: { train: 't', validation: 'v' } }, ['t', 'v']],
  [{ format: 'flickr-csv', captions: { train: 't', validation: 'v', test: 'x' } }, ['t', 'v', 'x']],
  [{ format: 'flickr-csv', captions: 'c', splits: { train: 't', validation: 'v' } }, ['c']],
  [{ format: 'karpathy-json', captions: 'c', splits: { test: 'x' } }, ['c']],
])('%j is enough, and is written as it was read', (data, files) => {
  const config = parse({ images: 'i', ...data });
  expect(captionFilesOf(config.data).map(({ file }) => file)).toEqual(files);
  expect(parseConfig(formatConfig(config), 'again.yaml').data).toEqual(config.data);
});

it.each([
  [
    { format: 'flickr-csv', captions: 'c', splits: { train: 't' } },
    'data.splits.validation: expected a file that lists images, or a captions file for each split in data.captions',
  ],
  [{ format: 'flickr-token', captions: 'c' }, 'data.splits.train: expected a file that lists images'],
  [
    { format: 'coco-annotations', captions: { train: 't' } },
    'data.captions.validation: expected the captions file',
  ],
  [{ format: 'imagefolder', captions: 'c' }, 'data.captions: expected none, for the metadata lies in'],
  [{ format: 'karpathy-json' }, 'data.captions: expected a file'],
  [{ format: 'coco', captions: 'c' }, 'data.format: expected one of flickr-csv, flickr-token, karpathy-json'],
])('%j is too little or too much', (data, message) => {
  expect(() => parse({ images: 'i', ...data })).toThrow(message);
});
