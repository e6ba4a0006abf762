/** The training loop: stages of epochs of steps, free-running validation after each epoch, best and last checkpoint. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { tf } from '../backend/index.js';
import { readCheckpointWeights } from '../checkpoint/index.js';
import type { Config } from '../config/index.js';
import { mark, Random, UserError, type Log, type ProfileRow } from '../core/index.js';
import { partOf, type StateDict } from '../models/index.js';
import type { TrainingData } from './data.js';
import { LeakCounter, withMemoryAdvice } from './guards.js';
import type { EpochEntry, Journal, JournalEntry } from './journal.js';
import { LossMeter, progressNote } from './losses.js';
import { readSteps, type ReadBatch } from './read-steps.js';
import { nextPlateau, noPlateau } from './schedule.js';
import type { Source } from './sources.js';
import { Saver, type RunContext } from './saver.js';
import { stageOf, type Stage } from './stages.js';
import { beginning, type Position, type TrainingState } from './state.js';
import { checkAlike, startAlike } from './alike.js';
import { TrainingStep, type MicroBatch, type StepResult } from './step.js';
import { describeScores, scoreOf, validate } from './validate.js';
import { Views } from './views.js';

export interface TrainingResult {
  /** `config.output`, with `best/`, `last/`, `state/`, `tensorboard/`, `config.yaml`, `metrics.jsonl` and `report.html`. */
  output: string;
  /** The epoch with the highest validation score (`validation.score`); null when none was finished. */
  best: EpochEntry | null;
  entries: JournalEntry[];
  interrupted: boolean;
  /** Where the time went, if that was asked for. */
  profile?: ProfileRow[];
}

export class Run {
  private readonly config: Config;
  private readonly data: TrainingData;
  private readonly log: Log;
  private readonly position: Position;
  private stage: Stage;
  private step: TrainingStep;
  private readonly leaks: LeakCounter;
  private readonly saver: Saver;
  private lastSave = performance.now();
  private journal!: Journal;
  private views: Views | undefined;
  private agreedToStop = false;

  /** @param saved what to go on from */
  constructor(
    private readonly context: RunContext,
    saved: TrainingState | undefined,
  ) {
    const { config, data, log } = context;
    this.config = config;
    this.data = data;
    this.log = log;
    this.leaks = new LeakCounter(log);
    this.saver = new Saver(context);
    this.position = saved?.position ?? structuredClone(beginning);
    this.stage = stageOf(config, data, this.position);
    if (saved) this.loadModel(saved.model);
    startAlike(context.world, data);
    this.step = this.newStep();
    if (!saved) return;
    this.step.loadState(saved.optimizer);
    const { epoch, batch, step } = this.position;
    log.info(`going on in epoch ${epoch} behind batch ${batch}, step ${step}`);
  }

  private newStep(): TrainingStep {
    const { objective, trainsEncoder, share } = this.stage;
    const { encoder, decoder } = this.data;
    return new TrainingStep(this.config, encoder, decoder, objective, {
      trainsEncoder,
      share,
      world: this.context.world,
    });
  }

  private loadModel(model: StateDict): void {
    this.data.encoder.loadState(partOf(model, 'encoder.'));
    this.data.decoder.loadState(partOf(model, 'decoder.'));
  }

  async run(journal: Journal): Promise<TrainingResult> {
    this.journal = journal;
    const { output } = this.config;
    try {
      if (this.ended) {
        const key = this.stage.name === 'self-critical' ? 'training.selfCritical.epochs' : 'training.epochs';
        this.log.info(`all epochs are done; --set ${key}=N makes it longer`);
      } else if (this.writes) this.views = new Views(this.context, this.position.step);
      while (!this.ended && !this.stopped) {
        if (this.stageEnded) {
          await this.beginSelfCritical();
          continue;
        }
        await this.trainEpoch();
        if (this.stopped) await this.leave();
        else await this.finishEpoch();
        if (this.impatient) {
          const { patience } = this.config.training;
          this.log.info(
            `no better validation score for ${patience} epochs: ${this.stage.name} training ends`,
          );
        }
      }
      if (this.stopped && !this.ended) {
        this.log.warn(`stopped at step ${this.position.step}; go on with showtell train --resume ${output}`);
      }
    } finally {
      this.step.dispose();
      await this.views?.writeReport(this.journal.entries, false);
    }
    return {
      output,
      best: this.position.best,
      entries: this.journal.entries,
      interrupted: this.stopped && !this.ended,
    };
  }

  private get impatient(): boolean {
    const { patience } = this.config.training;
    return patience !== null && this.position.epochsWithoutGain >= patience;
  }

  /** By its epochs, or by patience. */
  private get stageEnded(): boolean {
    return this.position.epoch > this.stage.lastEpoch || this.impatient;
  }

  private get ended(): boolean {
    const more = this.stage.name === 'cross-entropy' && this.config.training.selfCritical !== null;
    return this.stageEnded && !more;
  }

  /** Its own optimizer, on the weights of the best checkpoint. */
  private async beginSelfCritical(): Promise<void> {
    const { position } = this;
    const best = join(this.config.output, 'best');
    if (!existsSync(best)) {
      throw new UserError(`self-critical training starts from ${best}, which is not there`, {
        hint: `put the checkpoint back, then go on with showtell train --resume ${this.config.output}`,
      });
    }
    const { state } = await readCheckpointWeights(best);
    this.loadModel(state);
    position.selfCritical = { epoch: position.epoch - 1, step: position.step };
    Object.assign(position, { epochsWithoutGain: 0, plateau: noPlateau } satisfies Partial<Position>);
    this.stage = stageOf(this.config, this.data, position);
    const earlier = this.step;
    this.step = this.newStep();
    earlier.dispose();
    this.log.info(`self-critical training begins, with the weights of epoch ${position.best!.epoch}`);
    this.saveState();
  }

  private record(entry: JournalEntry): void {
    this.saver.writing(this.config.output, () => {
      this.journal.add(entry);
      this.views?.add(entry);
    });
  }

  /** Whether Ctrl-C, or with several processes what they agreed on, ends it. */
  private get stopped(): boolean {
    return this.context.world.size > 1 ? this.agreedToStop : this.interrupted;
  }

  private get interrupted(): boolean {
    return this.context.signal?.aborted ?? false;
  }

  private get writes(): boolean {
    return this.context.world.rank === 0;
  }

  /** After Ctrl-C within an epoch. */
  private async leave(): Promise<void> {
    const { epoch, batch, total } = this.position;
    const loss = total.tokens > 0 ? total.loss / total.tokens : null;
    // The checkpoint of the epoch before, with its scores, is as good where none of this one was trained.
    if (batch > 0) await this.showing(() => this.saveCheckpoint('last', epoch - 1, loss, null));
    this.saveState();
  }

  private takeStep(source: Source, batches: ReadBatch[]): StepResult {
    const { position } = this;
    position.step++;
    const epochs = position.epoch - 1 - this.stage.before.epoch;
    const micro = batches.flatMap(({ own, input }, i): MicroBatch[] => {
      if (!own) return [];
      const place = i === 0 ? [position.step] : [position.step, i];
      const seed = Random.for(this.config.seed, 'dropout', ...place).integer(2 ** 31);
      const done = epochs + (position.batch + i) / this.stage.batches.count;
      return [{ input: input(), gives: source.gives, batch: own, seed, epochs: done }];
    });
    try {
      const result = this.step.run(micro, this.stage.shareOfRates(position), {
        stop: this.interrupted,
        gives: source.gives,
      });
      this.agreedToStop = result.stop;
      return result;
    } catch (error) {
      throw withMemoryAdvice(error, position.step, this.config.encoder.train !== 'none');
    } finally {
      tf.dispose(micro.map(({ input }) => input));
      position.batch += batches.length;
    }
  }

  /** Of all stages, as far as that is known. */
  private get lastEpoch(): number {
    const next = this.stage.name === 'cross-entropy' ? this.config.training.selfCritical : null;
    return this.stage.lastEpoch + (next?.epochs ?? 0);
  }

  /** From where the position says to the end of its epoch, or to Ctrl-C. */
  private async trainEpoch(): Promise<void> {
    const { training } = this.config;
    const { position, stage } = this;
    const { epoch, total } = position;
    const bar = this.log.progress(`epoch ${epoch}/${this.lastEpoch}`, stage.batches.count);
    const meter = new LossMeter([...position.unreported]);
    let since = performance.now() - 1000 * position.secondsSince;

    const report = (): void => {
      const { loss, gradientNorm, tokens, reward } = meter.read();
      const seconds = (performance.now() - since) / 1000;
      since = performance.now();
      position.seconds += seconds;
      total.loss += loss * tokens;
      total.reward += (reward ?? 0) * tokens;
      total.tokens += tokens;
      total.seconds += seconds;
      const wordsPerSecond = tokens / seconds;
      this.record({
        event: 'step',
        epoch,
        step: position.step,
        loss,
        ...(reward !== undefined && { reward }),
        gradientNorm,
        learningRate: training.learningRate * stage.shareOfRates(position),
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
      for await (const { source, batches } of readSteps(
        this.data,
        stage.batches,
        position,
        training.accumulate,
        this.context.world,
        stage.trainsEncoder,
      )) {
        if (this.stopped) break;
        mark('to the device');
        const images = batches.flatMap(({ batch }) => batch.images);
        meter.add(this.takeStep(source, batches), position.step, images);
        this.leaks.count(meter.tensors);
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

  /** With the weights to show in place of those of the last step. */
  private async showing<T>(work: () => T | Promise<T>): Promise<T> {
    const { shown } = this.step;
    return shown ? shown.during(work) : work();
  }

  private async finishEpoch(): Promise<void> {
    mark('validation');
    const { position } = this;
    const { epoch, step, total, seconds } = position;
    const { validation, samples, attended } = await this.showing(() =>
      validate(this.config, this.data, epoch, this.log, this.context.world),
    );
    const score = scoreOf(validation, this.config);
    const better = !position.best || score > scoreOf(position.best.validation, this.config);
    const trainLoss = total.loss / total.tokens;
    const wordsPerSecond = total.tokens / total.seconds;
    const entry: EpochEntry = {
      event: 'epoch',
      epoch,
      step,
      trainLoss,
      ...(this.stage.name === 'self-critical' && { reward: total.reward / total.tokens }),
      validation,
      samples,
      best: better,
      wordsPerSecond,
      seconds,
    };
    mark('checkpoint');
    checkAlike(this.context.world, this.data);
    if (better) position.best = entry;
    await this.showing(() => {
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
      plateau: nextPlateau(position.plateau, score, this.config.training),
      epochsWithoutGain: better ? 0 : position.epochsWithoutGain + 1,
    } satisfies Partial<Position>);
    this.saveState();
    this.context.world.gather('saved'); // all wait for what they may read
    mark('report');
    await this.views?.showAttention(step, attended);
    await this.views?.writeReport(this.journal.entries, true);
    mark(undefined);
    const learnt =
      entry.reward === undefined
        ? `loss ${trainLoss.toFixed(3)}`
        : `reward ${(100 * entry.reward).toFixed(1)}`;
    this.log.info(
      `epoch ${epoch}: ${learnt}, ${wordsPerSecond.toFixed(0)} words/s, ` +
        `validation ${describeScores(validation)}${better ? ' (best)' : ''}`,
    );
  }

  private saveState(): void {
    this.saver.state(this.position, () => this.step.stateDict(), this.journal);
    this.lastSave = performance.now();
  }

  private saveCheckpoint(
    name: 'best' | 'last',
    epoch: number,
    trainLoss: number | null,
    validation: EpochEntry['validation'] | null,
  ): void {
    const selfCritical = this.stage.name === 'self-critical';
    this.saver.checkpoint(name, { ...this.position, epoch, selfCritical, trainLoss, validation });
  }
}
