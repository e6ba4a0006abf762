/** `metrics.jsonl`: one JSON object a line, appended as training goes. */
import { appendFileSync } from 'node:fs';

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
  /** Whether this epoch has the best validation score so far. */
  best: boolean;
  wordsPerSecond: number;
  seconds: number;
}

export type JournalEntry = StepEntry | EpochEntry;

export class Journal {
  readonly entries: JournalEntry[] = [];

  constructor(private readonly path: string) {}

  add(entry: JournalEntry): void {
    this.entries.push(entry);
    appendFileSync(this.path, `${JSON.stringify(entry)}\n`);
  }
}
