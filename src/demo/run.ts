/**
 * The demo: draws scenes, trains a captioner on them from scratch, scores it on scenes with combinations that it never
 * saw, captions painted pictures with the shipped checkpoint, and writes a report. All through the library's own doors.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { packageRoot, prepareBackend, type BackendInfo, type BackendOptions } from '../backend/index.js';
import { loadConfig } from '../config/index.js';
import { UserError, writeFileAtomic, type Log } from '../core/index.js';
import { tokenize } from '../data/index.js';
import type { Evaluation } from '../evaluation/index.js';
import { Captioner, evaluate, type ImageCaption } from '../infer/index.js';
import { train, type TrainingResult } from '../train/index.js';
import { sceneName, writeScenes, type SceneCounts } from './dataset.js';
import { drawScene } from './drawing.js';
import { PICTURES } from './pictures.js';
import { renderReport, type ReportData, type ReportPicture } from './report.js';
import { makeScene } from './scenes.js';
import { captionsOf } from './wording.js';

export interface DemoOptions {
  /** Where everything goes; an earlier demo there is replaced. */
  directory: string;
  device?: BackendOptions;
  /** Directory of the checkpoint that captions the painted pictures. */
  checkpoint?: string;
  cacheDirectory: string;
  log: Log;
  signal?: AbortSignal;
  /** Scenes to draw, and settings as `path.to.key=value`: for tests. */
  counts?: SceneCounts;
  overrides?: readonly string[];
}

export interface DemoResult {
  report: string;
  greedy: Evaluation;
  beam: Evaluation;
}

/** WebAssembly computes on one core: it scores fewer scenes. */
const counts: Record<BackendInfo['name'], SceneCounts> = {
  native: { train: 2000, validation: 100, test: 200, seed: 1 },
  wasm: { train: 2000, validation: 50, test: 100, seed: 1 },
};

/** Scenes of the test split in the report. */
const SHOWN = 8;
const BEAM = 3;
const MARKER = '.showtell-demo';

export const shippedCheckpoint = (): string =>
  join(packageRoot(), 'checkpoints', 'flickr8k-mobilenetv2-attention');

/** @throws UserError for a directory that holds something else; undefined when it was interrupted */
export async function runDemo(options: DemoOptions): Promise<DemoResult | undefined> {
  const { directory, log, signal, cacheDirectory } = options;
  claim(directory);
  const started = performance.now();
  const backend = await prepareBackend(options.device);
  const scenes = options.counts ?? counts[backend.name];
  log.info(`drawing ${scenes.train + scenes.validation + scenes.test} scenes`);
  await writeScenes(join(directory, 'scenes'), scenes);

  const config = demoConfig(directory, backend, options.overrides ?? []);
  const trained = await train(config, { log, signal, cacheDirectory, overwrite: true });
  if (trained.interrupted || !trained.best) return undefined;
  const checkpoint = join(trained.output, 'best');
  const score = (beam: number) =>
    evaluate({
      checkpoint,
      split: 'test',
      search: { beam },
      log,
      signal,
      cacheDirectory,
      device: options.device,
    });
  const greedy = await score(1);
  const beam = await score(BEAM);

  const captioner = await Captioner.load(checkpoint, options.device);
  const pictures: ReportPicture[] = [];
  for (let index = 0; index < Math.min(SHOWN, scenes.test); index++) {
    pictures.push(await scenePicture(captioner, directory, index, scenes.seed));
  }
  captioner.dispose();
  const seconds = (performance.now() - started) / 1000;
  const photos = await paintedPictures(options.checkpoint ?? shippedCheckpoint(), options.device);
  const report = join(directory, 'report.html');
  const data = reportData({ backend, scenes, trained, greedy, beam, seconds, pictures, photos });
  writeFileAtomic(report, await renderReport(data));
  return { report, greedy, beam };
}

/** Empties what an earlier demo left; any other content is not ours to touch. */
function claim(directory: string): void {
  const marker = join(directory, MARKER);
  if (existsSync(directory) && !existsSync(marker) && readdirSync(directory).length > 0) {
    throw new UserError(`${directory} holds something else than a demo`, {
      hint: 'choose another directory with --out DIR',
    });
  }
  mkdirSync(directory, { recursive: true });
  writeFileSync(marker, 'showtell demo writes this directory anew each time.\n');
  for (const name of ['scenes', 'training', 'report.html']) {
    rmSync(join(directory, name), { recursive: true, force: true });
  }
}

function demoConfig(directory: string, backend: BackendInfo, overrides: readonly string[]) {
  const file = backend.name === 'native' ? 'demo.yaml' : 'demo-wasm.yaml';
  const scenes = join(directory, 'scenes');
  const paths = {
    output: join(directory, 'training'),
    'data.captions': join(scenes, 'captions.txt'),
    'data.images': join(scenes, 'images'),
    'data.splits.train': join(scenes, 'train.txt'),
    'data.splits.validation': join(scenes, 'validation.txt'),
    'data.splits.test': join(scenes, 'test.txt'),
  };
  // JSON strings are YAML, whatever the path holds.
  const settings = Object.entries(paths).map(([key, path]) => `${key}=${JSON.stringify(path)}`);
  return loadConfig(join(packageRoot(), 'configs', file), [
    ...settings,
    `device.backend=${backend.name}`,
    ...overrides,
  ]);
}

async function scenePicture(
  captioner: Captioner,
  directory: string,
  index: number,
  seed: number,
): Promise<ReportPicture> {
  const name = sceneName('test', index);
  const caption = await captioner.caption(join(directory, 'scenes', 'images', name), {
    beam: BEAM,
    attention: true,
  });
  const scene = makeScene(seed, 'test', index);
  const references = captionsOf(scene);
  return {
    ...shown(name, caption, 1),
    mime: 'image/svg+xml',
    bytes: Buffer.from(drawScene(scene)),
    references,
    exact: isExact(caption.words.join(' '), references),
  };
}

function shown(name: string, caption: ImageCaption, aspect: number) {
  const { text, words, logProbability, attention } = caption;
  return { name, aspect, caption: text, words, logProbability, attention: attention! };
}

function isExact(text: string, references: readonly string[]): boolean {
  return references.some((reference) => tokenize(reference, 'letters').join(' ') === text);
}

async function paintedPictures(checkpoint: string, device?: BackendOptions): Promise<ReportData['photos']> {
  if (!existsSync(checkpoint)) {
    return { missing: `The checkpoint ${checkpoint} is not there, so no pictures were captioned.` };
  }
  const captioner = await Captioner.load(checkpoint, device);
  try {
    const pictures = await Promise.all(
      PICTURES.map(async ({ name, svg }): Promise<ReportPicture> => {
        const photo = await sharp(Buffer.from(svg)).removeAlpha().jpeg({ quality: 90 }).toBuffer();
        const { width, height } = await sharp(photo).metadata();
        const caption = await captioner.caption(photo, { beam: BEAM, attention: true });
        return {
          ...shown(name, caption, width / height),
          mime: 'image/jpeg',
          bytes: photo,
          references: [],
          exact: false,
        };
      }),
    );
    return { checkpoint: captioner.checkpoint.config.name, pictures };
  } finally {
    captioner.dispose();
  }
}

/** BLEU-1 to 4. */
export function bleuOf({ scores }: Evaluation): number[] {
  return ([1, 2, 3, 4] as const).map((n) => scores[`BLEU-${n}`]!.score);
}

function reportData(run: {
  backend: BackendInfo;
  scenes: SceneCounts;
  trained: TrainingResult;
  greedy: Evaluation;
  beam: Evaluation;
  seconds: number;
  pictures: ReportPicture[];
  photos: ReportData['photos'];
}): ReportData {
  const { backend, scenes, trained, greedy, beam, seconds } = run;
  const exact = ({ captions }: Evaluation) =>
    captions.filter(({ caption, references }) => isExact(caption, references)).length / captions.length;
  const { protocol } = greedy;
  return {
    command: 'showtell demo',
    figures: [
      [bleuOf(greedy)[3].toFixed(3), 'BLEU-4 on unseen combinations, greedy'],
      [`${(100 * exact(greedy)).toFixed(0)} %`, 'of captions equal a reference word for word'],
      [`${Math.round(seconds)} s`, `drawing, training and scoring on ${backend.name} (${backend.device})`],
    ],
    story: [
      `${scenes.train} drawn scenes with five captions each taught a small convolutional encoder and an LSTM with soft attention, both from random weights, to say what a picture shows: shapes, colours, sizes, how they lie, and the ground.`,
      'The test scenes show shapes on grounds on which training never showed them: each object in its colour was kept off one ground.',
    ],
    history: trained.entries.flatMap((entry) =>
      entry.event === 'epoch'
        ? [{ epoch: entry.epoch, loss: entry.trainLoss, bleu4: entry.validation.bleu[3] }]
        : [],
    ),
    scores: [
      { decoding: 'greedy', bleu: bleuOf(greedy), exact: exact(greedy) },
      { decoding: `beam ${BEAM}`, bleu: bleuOf(beam), exact: exact(beam) },
    ],
    protocol: [
      ['split', `test, ${protocol.images} scenes, ${protocol.references} references`],
      ['tokenizer', `${protocol.tokenizer} (Penn Treebank)`],
      ['decoding', protocol.model!.decoding],
      ['metric', 'BLEU-1 to 4, corpus-level, closest reference length (as pycocoevalcap)'],
      ['model', `SHA-256 ${protocol.model!.sha256.slice(0, 16)}`],
    ],
    scenes: run.pictures,
    photos: run.photos,
  };
}
