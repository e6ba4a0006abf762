/** Writes what a training leaves: its checkpoints and itself. With several processes, rank 0 does. */
import { join } from 'node:path';
import { modelState, saveCheckpoint, type CheckpointMetrics } from '../checkpoint/index.js';
import type { Config } from '../config/index.js';
import { messageOf, UserError, type Log } from '../core/index.js';
import type { World } from '../distributed/index.js';
import type { StateDict } from '../models/index.js';
import type { TrainingData } from './data.js';
import type { Journal, ValidationScores } from './journal.js';
import type { OwnOutput } from './output.js';
import { saveState, type Position } from './state.js';

/** What a training is given. */
export interface RunContext {
  config: Config;
  data: TrainingData;
  /** What computes: `native` or `wasm`. */
  backend: string;
  output: OwnOutput;
  /** The processes that train together. */
  world: World;
  log: Log;
  signal: AbortSignal | undefined;
}

type CheckpointFacts = Pick<CheckpointMetrics, 'epoch' | 'step' | 'seconds' | 'trainLoss'> & {
  selfCritical: boolean;
  validation: ValidationScores | null;
};

export class Saver {
  constructor(private readonly context: RunContext) {}

  private get writes(): boolean {
    return this.context.world.rank === 0;
  }

  /** @throws UserError where the disk does not take it: what was saved before is whole */
  writing(path: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      throw new UserError(`${path} cannot be written: ${messageOf(error)}`, {
        hint: `mend that, then go on from the last save with showtell train --resume ${this.context.config.output}`,
        cause: error,
      });
    }
  }

  /** @throws UserError where the disk does not take it, or another process has taken the directory over */
  checkpoint(name: 'best' | 'last', facts: CheckpointFacts): void {
    if (!this.writes) return;
    const { config, data, output } = this.context;
    const { epoch, step, seconds, trainLoss, selfCritical, validation } = facts;
    const metrics: CheckpointMetrics = {
      ...{ epoch, step },
      ...(selfCritical && { selfCritical }),
      trainLoss,
      validation: validation && {
        ...validation,
        tokenizer: config.text.tokenizer,
        maxWords: config.validation.maxWords,
      },
      seconds,
      trainImages: data.train.length,
      trainCaptions: data.train.captions,
    };
    output.check();
    const directory = join(config.output, name);
    this.writing(directory, () => saveCheckpoint(directory, { config, ...data, metrics }));
  }

  /** The training itself, at a position whose length of the journal is set here. @throws UserError as `checkpoint` */
  state(position: Position, optimizer: () => StateDict, journal: Journal): void {
    if (!this.writes) return;
    const { config, data, output, backend } = this.context;
    output.check();
    position.journalBytes = journal.sync();
    saveState(config.output, {
      ...{ position, backend, optimizer: optimizer() },
      fingerprint: data.fingerprint,
      model: modelState(data.encoder, data.decoder),
    });
  }
}
