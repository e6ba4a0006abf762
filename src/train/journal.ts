/** `metrics.jsonl`: one JSON object a line, appended as training goes. */
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { UserError } from '../core/index.js';

/** The mean over the steps since the entry before. */
export interface StepEntry {
  event: 'step';
  /** Epoch, from 1. */
  epoch: number;
  /** Optimizer steps so far. */
  step: number;
  /** Mean cross-entropy per token, nats. */
  loss: number;
  /** Global gradient norm before clipping. */
  gradientNorm: number;
  learningRate: number;
  /** Target tokens (words and ends) a second. */
  wordsPerSecond: number;
  /** Seconds of training so far. */
  seconds: number;
}

export interface EpochEntry {
  event: 'epoch';
  epoch: number;
  step: number;
  /** Mean cross-entropy per token over the epoch, nats, with dropout. */
  trainLoss: number;
  /** Corpus BLEU-1..4 (0..1) of free-running greedy captions. */
  validation: { images: number; bleu: number[] };
  /** Captions of the first images of the validation split. */
  samples: { image: string; caption: string }[];
  /** Whether this epoch has the best validation score so far. */
  best: boolean;
  wordsPerSecond: number;
  seconds: number;
}

export type JournalEntry = StepEntry | EpochEntry;

export class Journal {
  private constructor(
    private readonly path: string,
    readonly entries: JournalEntry[],
  ) {}

  /** An empty one. */
  static create(path: string): Journal {
    writeFileSync(path, '');
    return new Journal(path, []);
  }

  /** Goes on behind the first `bytes` of it; what follows was written after the training was last saved. */
  static reopen(path: string, bytes: number): Journal {
    const length = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (length < bytes) {
      throw new UserError(`${path} has ${length} bytes, but had ${bytes} when the training was saved`, {
        hint: 'put the whole file back, or start again with --overwrite',
      });
    }
    if (bytes === 0) return Journal.create(path);
    truncateSync(path, bytes);
    const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
    return new Journal(
      path,
      lines.map((line) => JSON.parse(line) as JournalEntry),
    );
  }

  /** Length of the file. */
  get bytes(): number {
    return statSync(this.path).size;
  }

  add(entry: JournalEntry): void {
    this.entries.push(entry);
    appendFileSync(this.path, `${JSON.stringify(entry)}\n`);
  }
}
