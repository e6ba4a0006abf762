/** What is measured: each case runs in a process of its own, next to its peers where PyTorch was asked for. */
import { join } from 'node:path';
import { allreduceCases } from './allreduce-cases.js';
import type { CaptionsOptions } from './captions.js';
import type { CorpusOptions } from './corpus.js';
import type { EncodingOptions } from './encoding.js';
import type { EpochOptions } from './epoch.js';
import type { FinetuningOptions } from './finetuning.js';
import { costCases } from './cost-cases.js';
import { growthCases } from './growth-cases.js';
import type { Options } from './measure.js';
import type { MemoryOptions } from './memory.js';
import type { StartupOptions } from './startup.js';
import type { MetricsOptions } from './metrics.js';
import type { ServingOptions } from './serving.js';
import type { ShardsOptions } from './shards.js';
import { targetLengths } from './synthetic.js';
import type { DecoderSizes, TrainingOptions } from './training.js';
import { wasmCases } from './wasm-cases.js';

export interface Peer {
  label: string;
  /** Script in bench/peer. */
  script: string;
  options: Options;
}

export interface Case {
  /** What the command line selects it by, and the name of its measure in worker.ts. */
  bench: (typeof benches)[number];
  label: string;
  unit: string;
  /** Whether a larger number is better. */
  larger: boolean;
  options: Options;
  peers: Peer[];
}

export interface CaseInputs {
  /** Folder of the package. */
  root: string;
  /** Folder of JPEG files, and whether they were drawn for the bench. */
  images: string;
  drawn: boolean;
  checkpoint: string;
  /** Images of the bench of shards. */
  shardImages: number;
  /** Images of each data set of the bench of corpora. */
  corpusImages: number[];
}

/** Soft attention at the original's sizes; 5,910 is the size of its vocabulary. */
const originalSizes: DecoderSizes = {
  vocabulary: 5910,
  embedding: 1024,
  hidden: 1024,
  attention: 2048,
  positions: 49,
  channels: 576,
  dropout: 0.5,
};

/** As configs/flickr8k-mobilenetv3-attention.yaml; 2,531 words occur 5 times or more in Flickr8k's training split. */
const shippedSizes: DecoderSizes = {
  vocabulary: 2535,
  embedding: 512,
  hidden: 512,
  attention: 512,
  positions: 49,
  channels: 576,
  dropout: 0.5,
};

export const benches = [
  'training',
  'operations',
  'growth',
  'epoch',
  'finetuning',
  'encoding',
  'captions',
  'startup',
  'memory',
  'metrics',
  'serving',
  'shards',
  'cost-model',
  'allreduce',
  'corpus',
  'wasm',
] as const;

export function allCases(inputs: CaseInputs): Case[] {
  return [
    ...trainingCases(),
    ...trained.map(({ name, sizes }): Case => ({
      bench: 'operations',
      label: `matrix products of a training step, ${name}, 100 captions a step, float32`,
      unit: 'GFLOP/s',
      larger: true,
      options: {
        ...{ sizes, lengths: targetLengths(), precision: 'float32' },
        warmup: 3,
        repeats: 5,
      } satisfies TrainingOptions,
      peers: [],
    })),
    ...growthCases(shippedSizes),
    ...epochCases(inputs),
    finetuningCase(),
    ...wasmCases(inputs.root),
    encodingCase(inputs),
    ...captionCases(),
    ...metricsCases(),
    ...servingCases(inputs),
    shardsCase(inputs),
    ...costCases(),
    ...allreduceCases(),
    corpusCase(inputs),
    {
      bench: 'startup',
      label: 'caption one photo, process start to end',
      unit: 's',
      larger: false,
      options: {
        root: inputs.root,
        checkpoint: inputs.checkpoint,
        sizes: shippedSizes,
        warmup: 1,
        repeats: 7,
      } satisfies StartupOptions,
      peers: [],
    },
    {
      bench: 'memory',
      label: 'growth over 500 training steps, after step 50',
      unit: 'MiB per 100 steps',
      larger: false,
      options: {
        sizes: { ...shippedSizes, embedding: 256, hidden: 256, attention: 256 },
        lengths: targetLengths(),
        batchSize: 32,
        steps: 500,
        settled: 50,
        every: 10,
      } satisfies MemoryOptions,
      peers: [],
    },
  ];
}

/** Decoders whose training is compared. */
const trained = [
  { name: "original's sizes", sizes: originalSizes },
  { name: 'all sizes 512', sizes: shippedSizes },
];

function trainingCases(): Case[] {
  return trained.flatMap(({ name, sizes }) =>
    (['float32', 'bfloat16'] as const).map((precision): Case => {
      const options = {
        ...{ sizes, lengths: targetLengths(), precision },
        warmup: 2,
        repeats: 7,
      } satisfies TrainingOptions;
      return {
        bench: 'training',
        label: `${name}, 100 captions a step, ${precision}`,
        unit: 'words/s',
        larger: true,
        options,
        peers: [
          { label: 'keys once, packed', script: 'training.py', options: { ...options, keys: 'once' } },
          {
            label: "the original's way",
            script: 'training.py',
            options: { ...options, keys: 'every-step', warmup: 1, repeats: 4 },
          },
        ],
      };
    }),
  );
}

function epochCases({ images, drawn }: CaseInputs): Case[] {
  return trained.map(({ name, sizes }): Case => {
    const options = {
      images,
      count: 500,
      sizes,
      lengths: targetLengths(),
      ...preparation(drawn),
      warmup: 1,
      repeats: 3,
    } satisfies EpochOptions;
    return {
      bench: 'epoch',
      label: `${name}, one caption of each photo, MobileNetV3-small, ${photosOf(drawn)}`,
      unit: 'captions/s',
      larger: true,
      options,
      peers: [{ label: "the original's way", script: 'epoch.py', options }],
    };
  });
}

const photosOf = (drawn: boolean) => (drawn ? 'drawn photos of 500x375' : 'given folder');

const preparation = (drawn: boolean) =>
  drawn ? { resize: 256, crop: 224 } : { resize: [224, 224] as [number, number], crop: null };

function finetuningCase(): Case {
  const options = {
    sizes: { ...shippedSizes, channels: 512 },
    // 80 of 100 typical captions.
    lengths: targetLengths().filter((_, i) => i % 5 !== 0),
    images: 16,
    side: 224,
    warmup: 1,
    repeats: 5,
  } satisfies FinetuningOptions;
  return {
    bench: 'finetuning',
    label: 'ResNet-18 trained whole, 16 images of 224x224 with 5 captions each a step, float32',
    unit: 'images/s',
    larger: true,
    options,
    peers: [{ label: 'PyTorch', script: 'finetuning.py', options }],
  };
}

function encodingCase({ images, drawn }: CaseInputs): Case {
  const options = {
    images,
    count: 512,
    ...preparation(drawn),
    warmup: 1,
    repeats: 5,
  } satisfies EncodingOptions;
  return {
    bench: 'encoding',
    label: `JPEG files to feature store, MobileNetV3-small, ${photosOf(drawn)}`,
    unit: 'images/s',
    larger: true,
    options,
    peers: [{ label: 'Pillow and PyTorch', script: 'encoding.py', options }],
  };
}

function captionCases(): Case[] {
  return [1, 16, 64].flatMap((batch) =>
    [1, 3, 5].map((beam): Case => {
      const options = {
        sizes: shippedSizes,
        batch,
        beam,
        words: 11,
        batches: { 1: 20, 16: 4, 64: 2 }[batch]!,
        warmup: 1,
        repeats: 7,
      } satisfies CaptionsOptions;
      return {
        bench: 'captions',
        label: `${beam === 1 ? 'greedy' : `beam ${beam}`}, ${batch === 1 ? 'one image at a time' : `${batch} images at a time`}`,
        unit: 'captions/s',
        larger: true,
        options,
        peers: [{ label: 'PyTorch', script: 'captions.py', options }],
      };
    }),
  );
}

/** The peer needs pycocoevalcap instead of PyTorch. */
function metricsCases(): Case[] {
  const peer = (options: MetricsOptions): Case['peers'] => [
    { label: 'pycocoevalcap', script: 'metrics.py', options: { ...options } },
  ];
  const common = { references: 5, vocabulary: 3000 };
  const small = (['tokenizer', 'BLEU', 'ROUGE-L', 'CIDEr-D'] as const).map((metric): Case => {
    const options = { ...common, metric, images: 2000, warmup: 1, repeats: 5 } satisfies MetricsOptions;
    return {
      bench: 'metrics',
      label: `${metric}, 2,000 images with 5 references`,
      unit: 'images/s',
      larger: true,
      options,
      peers: peer(options),
    };
  });
  const options = {
    ...common,
    metric: 'CIDEr-D',
    images: 100_000,
    warmup: 0,
    repeats: 1,
  } satisfies MetricsOptions;
  return [
    ...small,
    {
      bench: 'metrics',
      label: 'CIDEr-D, 100,000 images with 5 references',
      unit: 'images/s',
      larger: true,
      options,
      peers: peer(options),
    },
  ];
}

function servingCases({ root, images, checkpoint }: CaseInputs): Case[] {
  return [
    { beam: 1, requests: 20_000 },
    { beam: 3, requests: 2000 },
  ].map(({ beam, requests }) => ({
    bench: 'serving',
    label: `64 clients, batches of 16, ${beam === 1 ? 'greedy' : `beam ${beam}`}`,
    unit: 'photos/s',
    larger: true,
    options: {
      root,
      checkpoint,
      images,
      clients: 64,
      batch: 16,
      beam,
      requests,
      repeats: 10,
    } satisfies ServingOptions,
    peers: [],
  }));
}

function shardsCase({ checkpoint, images, shardImages, drawn }: CaseInputs): Case {
  return {
    bench: 'shards',
    label: `${shardImages} images in tars of 500, greedy, batches of 16, ${photosOf(drawn)}`,
    unit: 'images/s',
    larger: true,
    options: {
      ...{ checkpoint, images, count: shardImages },
      ...{ perShard: 500, batch: 16, format: 'jsonl' },
    } satisfies ShardsOptions,
    peers: [],
  };
}

export function defaultCheckpoint(root: string): string {
  return join(root, 'checkpoints', 'flickr8k-mobilenetv3-attention');
}

function corpusCase({ corpusImages: sizes }: CaseInputs): Case {
  return {
    bench: 'corpus',
    label: `memory of a training, ${[...new Set([sizes[0], sizes.at(-1)!])].map((size) => size.toLocaleString('en')).join(' to ')} images`,
    unit: 'bytes of RSS an image',
    larger: false,
    options: { sizes, steps: 200, repeats: 3 } satisfies CorpusOptions,
    peers: [],
  };
}
