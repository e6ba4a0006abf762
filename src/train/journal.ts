/** `metrics.jsonl`: one JSON object a line, appended as training goes. */
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { messageOf, sync, UserError, writeFileAtomic } from '../core/index.js';

/** The mean over the steps since the entry before. */
export interface StepEntry {
  event: 'step';
  /** Epoch, from 1. */
  epoch: number;
  /** Optimizer steps so far. */
  step: number;
  /** Mean loss per token, nats: cross-entropy, or in self-critical training -advantage x log p. */
  loss: number;
  /** Mean CIDEr-D of the sampled captions, 0..10, in self-critical training. */
  reward?: number;
  /** Global gradient norm before clipping. */
  gradientNorm: number;
  learningRate: number;
  /** Target tokens (words and ends) a second. */
  wordsPerSecond: number;
  /** Seconds of training so far. */
  seconds: number;
}

export interface ValidationScores {
  images: number;
  bleu: number[];
  ciderD: number;
}

export interface EpochEntry {
  event: 'epoch';
  epoch: number;
  step: number;
  /** Mean loss per token over the epoch, nats, with dropout. */
  trainLoss: number;
  /** Mean CIDEr-D of the epoch's sampled captions, 0..10, in self-critical training. */
  reward?: number;
  /** Free-running greedy captions: corpus BLEU-1..4 (0..1) and CIDEr-D (0..10), by the tokenizer of the training. */
  validation: ValidationScores;
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
    private readonly path: string | null,
    readonly entries: JournalEntry[],
  ) {}

  /** An empty one. */
  static create(path: string): Journal {
    writeFileSync(path, '');
    return new Journal(path, []);
  }

  /** One that is kept in memory only. */
  static inMemory(): Journal {
    return new Journal(null, []);
  }

  /**
   * Goes on behind the first `bytes` of it; what follows was written after the training was last saved.
   * @param force take what is there when it is less
   * @throws UserError when it is less, or damaged
   */
  static reopen(path: string, bytes: number, force: boolean): Journal {
    const length = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (length < bytes && !force) {
      throw new UserError(`${path} has ${length} bytes, but had ${bytes} when the training was saved`, {
        hint: 'put the whole file back, or go on without the missing entries with --force',
      });
    }
    const text = length === 0 ? '' : readFileSync(path).subarray(0, bytes).toString();
    const entries = parseEntries(text, path); // before anything is changed
    writeFileAtomic(path, text.slice(0, text.lastIndexOf('\n') + 1));
    return new Journal(path, entries);
  }

  /** Forces it to the disk. @returns its length */
  sync(): number {
    if (this.path === null) return 0;
    sync(this.path);
    return statSync(this.path).size;
  }

  add(entry: JournalEntry): void {
    this.entries.push(entry);
    if (this.path !== null) appendFileSync(this.path, `${JSON.stringify(entry)}\n`);
  }
}

/**
 * Complete lines; a training that is running, or died, may be in the middle of one.
 * @throws UserError that names the line that is none
 */
export function parseEntries(text: string, path: string): JournalEntry[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line, i) => {
    let entry: Partial<JournalEntry> | null;
    try {
      entry = JSON.parse(line) as Partial<JournalEntry> | null;
    } catch (error) {
      throw new UserError(`${path}:${i + 1} is not JSON: ${messageOf(error)}`, { cause: error });
    }
    if (entry?.event === 'step' || entry?.event === 'epoch') return entry as JournalEntry;
    throw new UserError(`${path}:${i + 1} is no entry of a training`);
  });
}
