/** A training from its configuration to its checkpoints: begun, or gone on with. */
import { availableParallelism } from 'node:os';
import { prepareBackend } from '../backend/index.js';
import type { Config } from '../config/index.js';
import { cacheDirectory, endProfile, silentLog, startProfile, UserError, type Log } from '../core/index.js';
import { alone, differing, type World } from '../distributed/index.js';
import type { PullOptions } from '../models/index.js';
import { prepareTraining, type TrainingData } from './data.js';
import { Journal } from './journal.js';
import {
  beginOutput,
  checkNothingLost,
  checkUnchanged,
  checkVacant,
  lockOutput,
  othersOutput,
  reopenOutput,
  savedConfig,
} from './output.js';
import { Run, type TrainingResult } from './run.js';
import { checkSpace, loadState } from './state.js';
import { watch } from './watcher.js';

export interface TrainOptions {
  log?: Log;
  /** Aborting ends the training after the current step; the last checkpoint and the training itself are saved first. */
  signal?: AbortSignal;
  /** Where the feature store lives; default: the platform's cache directory. */
  cacheDirectory?: string;
  /** Where `encoder.weights: torchvision` is downloaded from. */
  weights?: Pick<PullOptions, 'mirror' | 'proxies'>;
  /** Replace an earlier training in `config.output`. */
  overwrite?: boolean;
  /** Go on with the training in `config.output`. */
  resume?: boolean;
  /** Go on although settings or data changed. */
  force?: boolean;
  /** Measure where the time goes. */
  profile?: boolean;
  /** The processes that train together; rank 0 writes, all read the same files. Default: this one alone. */
  world?: World;
}

/**
 * Trains a captioner, or goes on with a training that ended early: on the same backend and machine with the same losses
 * and weights as if it had not.
 * @throws UserError for wrong data, an occupied output directory, settings or data that changed since the training began,
 * a disk that is too full, or a loss that is not a number
 */
export async function train(config: Config, options: TrainOptions = {}): Promise<TrainingResult> {
  const { overwrite = false, resume = false, force = false, world = alone } = options;
  const writes = world.rank === 0;
  const log = writes ? (options.log ?? silentLog) : silentLog;
  const { output } = config;
  const before = resume ? savedConfig(output) : undefined;
  if (writes && !resume) checkVacant(output, overwrite);
  if (world.size > 1) checkShareable(config);
  const lock = writes ? lockOutput(output) : othersOutput;
  let unwatch: (() => void) | undefined;
  try {
    if (world.size > 1) unwatch = await watch(output, world);
    checkSame(world, settingsOf(config), 'settings');
    const saved = resume ? loadState(output) : undefined;
    if (before && !force) checkUnchanged(before, config, Boolean(saved?.position.selfCritical));
    if (saved?.position.selfCritical && config.training.selfCritical === null) {
      throw new UserError(
        `the training in ${output} is in its self-critical stage, whose settings are gone`,
        {
          hint: 'leave training.selfCritical as it was',
        },
      );
    }
    const cores = Math.max(1, Math.floor(availableParallelism() / world.localSize));
    const threads = config.device.threads ?? (world.localSize > 1 ? cores : null);
    const backend = await prepareBackend({ ...config.device, threads });
    const together = world.size > 1 ? `, ${world.size} processes` : '';
    log.info(`training ${config.name} on ${backend.name} (${backend.device})${together}`);
    if (config.device.precision !== backend.precision) {
      log.warn(
        `device.precision: ${config.device.precision} is not for ${backend.name}; ${backend.precision} is computed`,
      );
    }
    const data = await prepareTraining(config, {
      ...options.weights,
      log,
      world,
      signal: options.signal,
      cacheDirectory: options.cacheDirectory ?? cacheDirectory(process.env, process.platform),
    });
    try {
      if (writes) checkSpace(output, config, data);
      if (saved && !force && !isOf(saved.fingerprint, data)) {
        throw new UserError(
          `the captions, splits, images or initial weights are not those that the training in ${output} began with`,
          { hint: 'put them back, start anew in another directory, or insist with --force' },
        );
      }
      if (resume && !saved) {
        checkNothingLost(output);
        log.warn(`${output} was never saved: the training starts from the beginning`);
      }
      if (saved && saved.backend !== backend.name) {
        log.warn(
          `so far ${saved.backend} computed, from now on ${backend.name}: the numbers will differ a little`,
        );
      }
      checkSame(world, data.fingerprint, 'data');
      const run = new Run(
        { config, data, backend: backend.name, output: lock, world, log, signal: options.signal },
        saved,
      );
      // Nothing of an earlier training is touched before all is known to be right.
      const journal = !writes
        ? Journal.inMemory()
        : saved
          ? reopenOutput(config, saved.position.journalBytes, force)
          : beginOutput(config);
      if (!options.profile) return await run.run(journal);
      startProfile();
      return { ...(await run.run(journal)), profile: endProfile() };
    } finally {
      if (options.profile) endProfile();
      await data.close();
      data.encoder.dispose();
      data.decoder.dispose();
    }
  } finally {
    lock.release();
    unwatch?.();
  }
}

function isOf(fingerprint: string, data: TrainingData): boolean {
  return fingerprint === data.fingerprint || fingerprint === data.earlierFingerprint();
}

/** @throws UserError for what several processes cannot train together */
function checkShareable({ encoder: { train, weights } }: Config): void {
  if (train === 'none' || (weights !== null && weights !== 'none')) return;
  throw new UserError(
    'several processes cannot train an encoder from random weights: its BatchNorm would see the images of one process only',
    { hint: 'give encoder.weights, set encoder.train: none, or train in one process' },
  );
}

/** What has to be alike in all processes; paths, threads, and what only rank 0 writes may differ. */
function settingsOf({ data, encoder, decoder, ...config }: Config): string {
  const { image, text, training, validation, seed } = config;
  const reading = [data.format, data.onBadImage];
  const trained = [encoder.name, encoder.stage, encoder.train, encoder.trainAfter, encoder.learningRate];
  return JSON.stringify([reading, trained, decoder, image, text, training, validation, seed]);
}

/** @throws UserError where processes have others than rank 0; they would wait for each other */
function checkSame(world: World, own: string, what: 'settings' | 'data'): void {
  const others = differing(world, own);
  if (others.length === 0) return;
  throw new UserError(`rank ${others.join(', ')} has other ${what} than rank 0`, {
    hint: 'all processes need the same config, captions, splits, images and weights',
  });
}
