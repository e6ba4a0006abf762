/**
 * The data sets that can be fetched: where their archives lie, what is taken from them, and on what terms. Sizes are
 * about those that the publishers state, for the check of free space. None of them publishes a hash.
 */
import { join } from 'node:path';

export interface Archive {
  /** Of the zip file, at its address and here. */
  name: string;
  url: string;
  /** About, of the archive and of what is taken from it. */
  bytes: number;
  unpackedBytes: number;
  /** As its publisher states it; null: it states none. */
  sha256: string | null;
  /** Where a file of the archive goes, relative to the data set's folder; undefined: it is not wanted. */
  place(name: string): string | undefined;
}

export interface Collection {
  title: string;
  /** On what terms, and whom to cite; one line each. */
  licence: string[];
  archives: Archive[];
  /** What must be had by hand: a folder below the data set's, and how. */
  byHand?: { folder: string; how: string };
  /** The `data` block of a config. @param directory of the data set */
  settings(directory: string): string[];
}

const MB = 1e6;
const PHOTOS = 'The photos belong to their Flickr authors and are for research use: do not publish them.';

/** Karpathy and Fei-Fei 2015, Deep Visual-Semantic Alignments: one archive with the splits of three data sets. */
const karpathy = (file: string): Archive => ({
  name: 'caption_datasets.zip',
  url: 'https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip',
  bytes: 40 * MB,
  unpackedBytes: 200 * MB,
  sha256: null,
  place: (name) => (name.split('/').at(-1) === file && !isMacOs(name) ? file : undefined),
});

/** Archives that were made on a Mac hold a shadow of each file. */
const isMacOs = (name: string) => name.startsWith('__MACOSX/');

const cocoPhotos = (folder: string, bytes: number): Archive => ({
  name: `${folder}.zip`,
  url: `http://images.cocodataset.org/zips/${folder}.zip`,
  bytes,
  unpackedBytes: bytes,
  sha256: null,
  place: (name) =>
    name.startsWith(`${folder}/`) && name.endsWith('.jpg') ? join('images', name) : undefined,
});

const karpathySettings = (file: string) => (directory: string) => [
  'data:',
  '  format: karpathy-json',
  `  captions: ${join(directory, file)}`,
  `  images: ${join(directory, 'images')}`,
];

const FLICKR8K = 'https://github.com/jbrownlee/Datasets/releases/download/Flickr8k';

export const collections: Record<string, Collection> = {
  flickr8k: {
    title: 'Flickr8k: 8,000 photos with five captions each',
    licence: [
      'Hodosh, Young and Hockenmaier 2013, Framing Image Description as a Ranking Task; for research and teaching.',
      PHOTOS,
    ],
    archives: [
      {
        name: 'Flickr8k_text.zip',
        url: `${FLICKR8K}/Flickr8k_text.zip`,
        bytes: 3 * MB,
        unpackedBytes: 10 * MB,
        sha256: null,
        place: (name) =>
          /^(Flickr8k\.token|Flickr_8k\.(train|dev|test)Images)\.txt$/.test(name) ? name : undefined,
      },
      {
        name: 'Flickr8k_Dataset.zip',
        url: `${FLICKR8K}/Flickr8k_Dataset.zip`,
        bytes: 1150 * MB,
        unpackedBytes: 1150 * MB,
        sha256: null,
        // The folder's name is spelt "Flicker8k_Dataset" in the archive.
        place: (name) => {
          const image = /^Flick\w*8k_Dataset\/([^/]+\.jpg)$/i.exec(name)?.[1];
          return image && join('images', image);
        },
      },
    ],
    settings: (directory) => [
      'data:',
      '  format: flickr-token',
      `  captions: ${join(directory, 'Flickr8k.token.txt')}`,
      `  images: ${join(directory, 'images')}`,
      '  splits:',
      `    train: ${join(directory, 'Flickr_8k.trainImages.txt')}`,
      `    validation: ${join(directory, 'Flickr_8k.devImages.txt')}`,
      `    test: ${join(directory, 'Flickr_8k.testImages.txt')}`,
    ],
  },
  flickr30k: {
    title: "Flickr30k: captions and Karpathy's splits of 31,000 photos; the photos are given on request",
    licence: [
      'Young, Lai, Hodosh and Hockenmaier 2014, From image descriptions to visual denotations; for research and teaching.',
      PHOTOS,
    ],
    archives: [karpathy('dataset_flickr30k.json')],
    byHand: {
      folder: 'images',
      how: 'fill in the form at https://shannon.cs.illinois.edu/DenotationGraph/ and unpack the photos there',
    },
    settings: karpathySettings('dataset_flickr30k.json'),
  },
  coco: {
    title: "COCO 2014: 123,000 photos with five captions each, with Karpathy's splits",
    licence: [
      'Lin et al. 2014, Microsoft COCO; Chen et al. 2015, Microsoft COCO Captions. The annotations are under CC BY 4.0.',
      'The photos are under the terms of use of Flickr: https://cocodataset.org/#termsofuse',
    ],
    archives: [
      karpathy('dataset_coco.json'),
      {
        name: 'annotations_trainval2014.zip',
        url: 'http://images.cocodataset.org/annotations/annotations_trainval2014.zip',
        bytes: 255 * MB,
        unpackedBytes: 110 * MB,
        sha256: null,
        place: (name) => (/^annotations\/captions_(train|val)2014\.json$/.test(name) ? name : undefined),
      },
      cocoPhotos('val2014', 6700 * MB),
      cocoPhotos('train2014', 13_600 * MB),
    ],
    settings: karpathySettings('dataset_coco.json'),
  },
};
