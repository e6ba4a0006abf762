/** The training loop: epochs of steps, free-running validation after each, best and last checkpoint. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { prepareBackend } from '../backend/index.js';
import { saveCheckpoint, type CheckpointMetrics } from '../checkpoint/index.js';
import { formatConfig, type Config } from '../config/index.js';
import {
  cacheDirectory,
  endProfile,
  mark,
  Random,
  silentLog,
  startProfile,
  UserError,
  writeFileAtomic,
  type Log,
  type ProfileRow,
} from '../core/index.js';
import { prefetch } from '../data/index.js';
import type { PullOptions } from '../models/index.js';
import { prepareTraining, type TrainingData } from './data.js';
import { Journal, type EpochEntry, type JournalEntry } from './journal.js';
import { LossMeter } from './losses.js';
import { TrainingStep } from './step.js';
import { validate } from './validate.js';

/** Batches that are read while the device computes. */
const READ_AHEAD = 2;

export interface TrainOptions {
  log?: Log;
  /** Aborting ends the training after the current step; the last checkpoint is written first. */
  signal?: AbortSignal;
  /** Where the feature store lives; default: the platform's cache directory. */
  cacheDirectory?: string;
  /** Where `encoder.weights: torchvision` is downloaded from. */
  weights?: Pick<PullOptions, 'mirror' | 'proxies'>;
  /** Replace an earlier training in `config.output`. */
  overwrite?: boolean;
  /** Measure where the time goes. */
  profile?: boolean;
}

export interface TrainingResult {
  /** `config.output`, with `best/`, `last/`, `config.yaml` and `metrics.jsonl`. */
  output: string;
  /** The epoch with the highest validation BLEU-4; null when none was finished. */
  best: EpochEntry | null;
  entries: JournalEntry[];
  interrupted: boolean;
  /** Where the time went, if that was asked for. */
  profile?: ProfileRow[];
}

function prepareOutput(config: Config, overwrite: boolean): Journal {
  const journal = join(config.output, 'metrics.jsonl');
  const contents = ['metrics.jsonl', 'best', 'last', 'config.yaml'].map((name) => join(config.output, name));
  if (!overwrite && existsSync(journal)) {
    throw new UserError(`${config.output} already holds a training`, {
      hint: 'choose another directory with --set output=DIR, or replace it with --overwrite',
    });
  }
  for (const path of contents) rmSync(path, { recursive: true, force: true });
  mkdirSync(config.output, { recursive: true });
  writeFileAtomic(join(config.output, 'config.yaml'), formatConfig(config));
  return new Journal(journal);
}

/**
 * Trains a captioner.
 * @throws UserError for wrong data, an occupied output directory, or a loss that is not a number
 */
export async function train(config: Config, options: TrainOptions = {}): Promise<TrainingResult> {
  const log = options.log ?? silentLog;
  if (!options.overwrite && existsSync(join(config.output, 'metrics.jsonl'))) prepareOutput(config, false);
  const backend = await prepareBackend(config.device);
  log.info(`training ${config.name} on ${backend.name} (${backend.device})`);
  const data = await prepareTraining(config, {
    ...options.weights,
    log,
    signal: options.signal,
    cacheDirectory: options.cacheDirectory ?? cacheDirectory(process.env, process.platform),
  });
  try {
    const journal = prepareOutput(config, options.overwrite ?? false);
    const run = new Run(config, data, journal, log, options.signal);
    if (!options.profile) return await run.run();
    startProfile();
    return { ...(await run.run()), profile: endProfile() };
  } finally {
    if (options.profile) endProfile();
    await data.close();
    data.encoder.dispose();
    data.decoder.dispose();
  }
}

class Run {
  private step = 0;
  private seconds = 0;
  private best: EpochEntry | null = null;
  private epochsWithoutGain = 0;

  constructor(
    private readonly config: Config,
    private readonly data: TrainingData,
    private readonly journal: Journal,
    private readonly log: Log,
    private readonly signal: AbortSignal | undefined,
  ) {}

  async run(): Promise<TrainingResult> {
    const { training } = this.config;
    const step = new TrainingStep(this.config, this.data.encoder, this.data.decoder);
    try {
      for (let epoch = 1; epoch <= training.epochs && !this.stopped; epoch++) {
        const trained = await this.trainEpoch(epoch, step);
        if (this.stopped) {
          this.save('last', epoch - 1, trained?.loss ?? null, null);
          this.log.warn(
            `stopped at step ${this.step}; the weights are in ${join(this.config.output, 'last')}`,
          );
          break;
        }
        await this.finishEpoch(epoch, trained!);
        if (training.patience !== null && this.epochsWithoutGain >= training.patience) {
          this.log.info(`no better validation score for ${training.patience} epochs: training ends`);
          break;
        }
      }
    } finally {
      step.dispose();
    }
    return {
      output: this.config.output,
      best: this.best,
      entries: this.journal.entries,
      interrupted: this.stopped,
    };
  }

  private get stopped(): boolean {
    return this.signal?.aborted ?? false;
  }

  /** Share of the learning rates in the current step; cosine reaches zero after the last step of the last epoch. */
  private get scheduled(): number {
    const { schedule, epochs } = this.config.training;
    if (schedule === 'constant') return 1;
    const share = (this.step - 1) / (epochs * this.data.batches.count);
    return (1 + Math.cos(Math.PI * share)) / 2;
  }

  /** Mean loss per token and words/s of the steps taken; undefined when there were none. */
  private async trainEpoch(
    epoch: number,
    step: TrainingStep,
  ): Promise<{ loss: number; rate: number } | undefined> {
    const { training, seed } = this.config;
    const bar = this.log.progress(`epoch ${epoch}/${training.epochs}`, this.data.batches.count);
    const meter = new LossMeter();
    const total = { loss: 0, tokens: 0, seconds: 0 };
    let since = performance.now();

    const report = (): void => {
      const { loss, gradientNorm, tokens } = meter.read();
      const seconds = (performance.now() - since) / 1000;
      since = performance.now();
      this.seconds += seconds;
      total.loss += loss * tokens;
      total.tokens += tokens;
      total.seconds += seconds;
      const wordsPerSecond = tokens / seconds;
      this.journal.add({
        event: 'step',
        epoch,
        step: this.step,
        loss,
        gradientNorm,
        learningRate: training.learningRate * this.scheduled,
        wordsPerSecond,
        seconds: this.seconds,
      });
    };

    try {
      let done = 0;
      const source = this.data.sources.training(epoch);
      let read = 0;
      const batches = prefetch(
        this.data.batches.epoch(epoch),
        () => READ_AHEAD,
        async (batch) => ({ batch, input: await source.read(batch.images, epoch, read++) }),
      );
      mark('waiting for data');
      for await (const { batch, input } of batches) {
        if (this.stopped) break;
        mark('to the device');
        this.step++;
        const dropoutSeed = Random.for(seed, 'dropout', this.step).integer(2 ** 31);
        const tensor = input();
        meter.add(
          step.run(tensor, source.gives, batch, dropoutSeed, this.scheduled),
          batch.tokens,
          this.step,
        );
        tensor.dispose();
        done++;
        mark('logging');
        if (meter.count >= training.logEvery) report();
        const rate = total.tokens / total.seconds;
        bar.update(
          done,
          total.tokens > 0
            ? `loss ${(total.loss / total.tokens).toFixed(3)}, ${rate.toFixed(0)} words/s`
            : '',
        );
        // A turn of the event loop, so that Ctrl-C and the bar get their time.
        await setImmediate();
        mark('waiting for data');
      }
      if (meter.count > 0) report();
    } finally {
      meter.dispose();
      bar.end();
    }
    return total.tokens > 0
      ? { loss: total.loss / total.tokens, rate: total.tokens / total.seconds }
      : undefined;
  }

  private async finishEpoch(epoch: number, trained: { loss: number; rate: number }): Promise<void> {
    mark('validation');
    const validation = await validate(this.config, this.data, epoch, this.log);
    const better = !this.best || validation.bleu[3] > this.best.validation.bleu[3];
    const entry: EpochEntry = {
      event: 'epoch',
      epoch,
      step: this.step,
      trainLoss: trained.loss,
      validation,
      best: better,
      wordsPerSecond: trained.rate,
      seconds: this.seconds,
    };
    mark('checkpoint');
    this.epochsWithoutGain = better ? 0 : this.epochsWithoutGain + 1;
    if (better) this.best = entry;
    this.save('last', epoch, trained.loss, validation);
    if (better) this.save('best', epoch, trained.loss, validation);
    this.journal.add(entry);
    mark(undefined);
    const scores = validation.bleu.map((value) => (100 * value).toFixed(1)).join(' / ');
    this.log.info(
      `epoch ${epoch}: loss ${trained.loss.toFixed(3)}, ${trained.rate.toFixed(0)} words/s, ` +
        `validation BLEU-1..4 ${scores}${better ? ' (best)' : ''}`,
    );
  }

  private save(
    name: 'best' | 'last',
    epoch: number,
    trainLoss: number | null,
    validation: EpochEntry['validation'] | null,
  ): void {
    const metrics: CheckpointMetrics = {
      epoch,
      step: this.step,
      trainLoss,
      validation: validation && {
        ...validation,
        tokenizer: this.config.text.tokenizer,
        maxWords: this.config.validation.maxWords,
      },
      seconds: this.seconds,
      trainImages: this.data.train.length,
      trainCaptions: this.data.train.reduce((sum, { captions }) => sum + captions.length, 0),
    };
    saveCheckpoint(join(this.config.output, name), { config: this.config, ...this.data, metrics });
  }
}
