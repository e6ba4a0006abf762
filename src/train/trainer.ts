/** The training loop: epochs of steps, free-running validation after each, best and last checkpoint. */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { prepareBackend, tf } from '../backend/index.js';
import { modelState, saveCheckpoint, type CheckpointMetrics } from '../checkpoint/index.js';
import type { Config } from '../config/index.js';
import {
  cacheDirectory,
  endProfile,
  mark,
  messageOf,
  Random,
  silentLog,
  startProfile,
  UserError,
  type Log,
  type ProfileRow,
} from '../core/index.js';
import { partOf, type PullOptions } from '../models/index.js';
import { prepareTraining, type TrainingData } from './data.js';
import type { EpochEntry, Journal, JournalEntry } from './journal.js';
import { LossMeter, progressNote } from './losses.js';
import {
  beginOutput,
  checkNothingLost,
  checkUnchanged,
  checkVacant,
  lockOutput,
  reopenOutput,
  savedConfig,
  type OwnOutput,
} from './output.js';
import { readSteps, type ReadBatch } from './read-steps.js';
import { beginning, checkSpace, loadState, saveState, type Position, type TrainingState } from './state.js';
import { nextPlateau, shareOfRate } from './schedule.js';
import type { Source } from './sources.js';
import { TensorBoard } from './tensorboard.js';
import { TrainingStep, type MicroBatch, type StepResult } from './step.js';
import { validate } from './validate.js';

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
}

export interface TrainingResult {
  /** `config.output`, with `best/`, `last/`, `state/`, `tensorboard/`, `config.yaml` and `metrics.jsonl`. */
  output: string;
  /** The epoch with the highest validation BLEU-4; null when none was finished. */
  best: EpochEntry | null;
  entries: JournalEntry[];
  interrupted: boolean;
  /** Where the time went, if that was asked for. */
  profile?: ProfileRow[];
}

/**
 * Trains a captioner, or goes on with a training that ended early: on the same backend and machine with the same losses
 * and weights as if it had not.
 * @throws UserError for wrong data, an occupied output directory, settings or data that changed since the training began,
 * a disk that is too full, or a loss that is not a number
 */
export async function train(config: Config, options: TrainOptions = {}): Promise<TrainingResult> {
  const { log = silentLog, overwrite = false, resume = false, force = false } = options;
  const { output } = config;
  if (!resume) checkVacant(output, overwrite);
  else if (!force) checkUnchanged(savedConfig(output), config);
  const lock = lockOutput(output);
  try {
    const saved = resume ? loadState(output) : undefined;
    const backend = await prepareBackend(config.device);
    log.info(`training ${config.name} on ${backend.name} (${backend.device})`);
    const data = await prepareTraining(config, {
      ...options.weights,
      log,
      signal: options.signal,
      cacheDirectory: options.cacheDirectory ?? cacheDirectory(process.env, process.platform),
    });
    try {
      checkSpace(output, config, data);
      if (saved && saved.fingerprint !== data.fingerprint && !force) {
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
      const run = new Run(config, data, backend.name, lock, log, options.signal);
      if (saved) run.restore(saved);
      // Nothing of an earlier training is touched before all is known to be right.
      const journal = saved ? reopenOutput(config, saved.position.journalBytes, force) : beginOutput(config);
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
  }
}

class Run {
  private readonly step: TrainingStep;
  private position: Position = structuredClone(beginning);
  private lastSave = performance.now();
  private journal!: Journal;
  private board: TensorBoard | undefined;

  constructor(
    private readonly config: Config,
    private readonly data: TrainingData,
    private readonly backend: string,
    private readonly output: OwnOutput,
    private readonly log: Log,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.step = new TrainingStep(config, data.encoder, data.decoder);
  }

  restore({ position, model, optimizer }: TrainingState): void {
    const { encoder, decoder } = this.data;
    encoder.loadState(partOf(model, 'encoder.'));
    decoder.loadState(partOf(model, 'decoder.'));
    this.step.loadState(optimizer);
    this.position = position;
    const { epoch, batch, step } = position;
    this.log.info(`going on in epoch ${epoch} behind batch ${batch}, step ${step}`);
  }

  async run(journal: Journal): Promise<TrainingResult> {
    this.journal = journal;
    if (this.position.epoch <= this.config.training.epochs) {
      this.board = new TensorBoard(join(this.config.output, 'tensorboard'), this.position.step);
    } else {
      this.log.info(
        `all ${this.config.training.epochs} epochs are done; --set training.epochs=N makes it longer`,
      );
    }
    const { epochs, patience } = this.config.training;
    const { position } = this;
    try {
      while (position.epoch <= epochs && !this.stopped) {
        if (patience !== null && position.epochsWithoutGain >= patience) {
          this.log.info(`no better validation score for ${patience} epochs: training ends`);
          break;
        }
        await this.trainEpoch();
        if (this.stopped) await this.leave();
        else await this.finishEpoch();
      }
      if (this.stopped && position.epoch <= epochs) {
        this.log.warn(
          `stopped at step ${position.step}; go on with showtell train --resume ${this.config.output}`,
        );
      }
    } finally {
      this.step.dispose();
    }
    return {
      output: this.config.output,
      best: position.best,
      entries: this.journal.entries,
      interrupted: this.stopped && position.epoch <= epochs,
    };
  }

  private record(entry: JournalEntry): void {
    this.writing(this.config.output, () => {
      this.journal.add(entry);
      this.board?.add(entry);
    });
  }

  /** @throws UserError where the disk does not take it: what was saved before is whole */
  private writing(path: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      throw new UserError(`${path} cannot be written: ${messageOf(error)}`, {
        hint: `mend that, then go on from the last save with showtell train --resume ${this.config.output}`,
        cause: error,
      });
    }
  }

  private get stopped(): boolean {
    return this.signal?.aborted ?? false;
  }

  /** After Ctrl-C within an epoch. */
  private async leave(): Promise<void> {
    const { epoch, batch, total } = this.position;
    const loss = total.tokens > 0 ? total.loss / total.tokens : null;
    // The checkpoint of the epoch before, with its scores, is as good where none of this one was trained.
    if (batch > 0) await this.averaged(() => this.saveCheckpoint('last', epoch - 1, loss, null));
    this.saveState();
  }

  /** Share of the learning rates in the current step. */
  private get scheduled(): number {
    const { training } = this.config;
    const stepsPerEpoch = Math.ceil(this.data.batches.count / training.accumulate);
    return shareOfRate(training, { ...this.position, stepsPerEpoch });
  }

  private takeStep(source: Source, batches: ReadBatch[]): StepResult {
    const { position } = this;
    position.step++;
    const micro = batches.map(({ batch, input }, i): MicroBatch => {
      const place = i === 0 ? [position.step] : [position.step, i];
      const seed = Random.for(this.config.seed, 'dropout', ...place).integer(2 ** 31);
      return { input: input(), gives: source.gives, batch, seed };
    });
    const result = this.step.run(micro, this.scheduled);
    tf.dispose(micro.map(({ input }) => input));
    position.batch += batches.length;
    return result;
  }

  /** From where the position says to the end of its epoch, or to Ctrl-C. */
  private async trainEpoch(): Promise<void> {
    const { training } = this.config;
    const { position } = this;
    const { epoch, total } = position;
    const bar = this.log.progress(`epoch ${epoch}/${training.epochs}`, this.data.batches.count);
    const meter = new LossMeter([...position.unreported]);
    let since = performance.now() - 1000 * position.secondsSince;

    const report = (): void => {
      const { loss, gradientNorm, tokens } = meter.read();
      const seconds = (performance.now() - since) / 1000;
      since = performance.now();
      position.seconds += seconds;
      total.loss += loss * tokens;
      total.tokens += tokens;
      total.seconds += seconds;
      const wordsPerSecond = tokens / seconds;
      this.record({
        event: 'step',
        epoch,
        step: position.step,
        loss,
        gradientNorm,
        learningRate: training.learningRate * this.scheduled,
        wordsPerSecond,
        seconds: position.seconds,
      });
    };
    const note = (): void => {
      position.unreported = [...meter.settle()];
      position.secondsSince = (performance.now() - since) / 1000;
    };

    try {
      mark('waiting for data');
      for await (const { source, batches } of readSteps(this.data, position, training.accumulate)) {
        if (this.stopped) break;
        mark('to the device');
        const tokens = batches.reduce((sum, { batch }) => sum + batch.tokens, 0);
        meter.add(this.takeStep(source, batches), tokens, position.step);
        mark('logging');
        if (meter.count >= training.logEvery) report();
        bar.update(position.batch, progressNote(total));
        if (performance.now() - this.lastSave >= training.saveEvery * 60_000) {
          mark('checkpoint');
          note();
          this.saveState();
        }
        // A turn of the event loop, so that Ctrl-C and the bar get their time.
        await setImmediate();
        mark('waiting for data');
      }
      if (this.stopped) note();
      else if (meter.count > 0) report();
    } finally {
      meter.dispose();
      bar.end();
    }
  }

  /** With the averages in place of the weights, where there are any. */
  private async averaged<T>(work: () => T | Promise<T>): Promise<T> {
    const { average } = this.step;
    return average ? average.during(work) : work();
  }

  private async finishEpoch(): Promise<void> {
    mark('validation');
    const { position } = this;
    const { epoch, step, total, seconds } = position;
    const { validation, samples } = await this.averaged(() =>
      validate(this.config, this.data, epoch, this.log),
    );
    const better = !position.best || validation.bleu[3] > position.best.validation.bleu[3];
    const trainLoss = total.loss / total.tokens;
    const wordsPerSecond = total.tokens / total.seconds;
    const entry: EpochEntry = {
      event: 'epoch',
      epoch,
      step,
      trainLoss,
      validation,
      samples,
      best: better,
      wordsPerSecond,
      seconds,
    };
    mark('checkpoint');
    if (better) position.best = entry;
    await this.averaged(() => {
      this.saveCheckpoint('last', epoch, trainLoss, validation);
      if (better) this.saveCheckpoint('best', epoch, trainLoss, validation);
    });
    this.record(entry);
    Object.assign(position, {
      epoch: epoch + 1,
      batch: 0,
      secondsSince: 0,
      unreported: [],
      total: structuredClone(beginning.total),
      plateau: nextPlateau(position.plateau, validation.bleu[3], this.config.training),
      epochsWithoutGain: better ? 0 : position.epochsWithoutGain + 1,
    } satisfies Partial<Position>);
    this.saveState();
    mark(undefined);
    const scores = validation.bleu.map((value) => (100 * value).toFixed(1)).join(' / ');
    this.log.info(
      `epoch ${epoch}: loss ${trainLoss.toFixed(3)}, ${wordsPerSecond.toFixed(0)} words/s, ` +
        `validation BLEU-1..4 ${scores}${better ? ' (best)' : ''}`,
    );
  }

  private saveState(): void {
    const { encoder, decoder, fingerprint } = this.data;
    this.output.check();
    this.position.journalBytes = this.journal.sync();
    saveState(this.config.output, {
      position: this.position,
      fingerprint,
      backend: this.backend,
      model: modelState(encoder, decoder),
      optimizer: this.step.stateDict(),
    });
    this.lastSave = performance.now();
  }

  private saveCheckpoint(
    name: 'best' | 'last',
    epoch: number,
    trainLoss: number | null,
    validation: EpochEntry['validation'] | null,
  ): void {
    const metrics: CheckpointMetrics = {
      epoch,
      step: this.position.step,
      trainLoss,
      validation: validation && {
        ...validation,
        tokenizer: this.config.text.tokenizer,
        maxWords: this.config.validation.maxWords,
      },
      seconds: this.position.seconds,
      trainImages: this.data.train.length,
      trainCaptions: this.data.train.reduce((sum, { captions }) => sum + captions.length, 0),
    };
    this.output.check();
    const directory = join(this.config.output, name);
    this.writing(directory, () => saveCheckpoint(directory, { config: this.config, ...this.data, metrics }));
  }
}
