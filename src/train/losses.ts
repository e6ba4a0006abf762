/** Keeps the losses of several steps on the device and reads them back together. */
import { tf } from '../backend/index.js';
import { residentMemory, UserError } from '../core/index.js';
import type { StepResult } from './step.js';

interface Pending {
  result: StepResult;
  tokens: number;
  step: number;
}

/** A step's numbers, read back. */
export interface StepLoss {
  step: number;
  loss: number;
  gradientNorm: number;
  tokens: number;
}

export interface LossSummary {
  /** Mean per token, nats. */
  loss: number;
  /** Mean over the steps. */
  gradientNorm: number;
  tokens: number;
}

export class LossMeter {
  private pending: Pending[] = [];
  /** @param settled of the steps since the last summary, where a training goes on */
  constructor(private settled: StepLoss[] = []) {}

  /** Takes over the result's tensors. */
  add(result: StepResult, tokens: number, step: number): void {
    this.pending.push({ result, tokens, step });
  }

  get count(): number {
    return this.settled.length + this.pending.length;
  }

  /**
   * The steps since the last summary.
   * @throws UserError that names the first step whose loss is not a finite number
   */
  settle(): readonly StepLoss[] {
    const pending = this.pending;
    if (pending.length === 0) return this.settled;
    this.pending = [];
    const values = tf.tidy(() =>
      tf.stack(pending.flatMap(({ result }) => [result.loss, result.gradientNorm])).dataSync(),
    );
    tf.dispose(pending.map(({ result }) => [result.loss, result.gradientNorm]).flat());
    pending.forEach(({ step, tokens }, i) => {
      const [loss, gradientNorm] = [values[2 * i], values[2 * i + 1]];
      if (!Number.isFinite(loss)) {
        throw new UserError(
          `the loss of step ${step} is ${loss}; the gradient norm there was ${gradientNorm}`,
          {
            hint: 'lower training.learningRate, training.weightDecay or training.clipNorm; what was saved before is kept',
          },
        );
      }
      this.settled.push({ step, loss, gradientNorm, tokens });
    });
    return this.settled;
  }

  /** Sums up the steps since the last call. @throws UserError as `settle` */
  read(): LossSummary {
    const steps = this.settle();
    this.settled = [];
    const sum = (of: (step: StepLoss) => number) => steps.reduce((total, step) => total + of(step), 0);
    const tokens = sum((step) => step.tokens);
    return {
      loss: sum(({ loss, tokens: own }) => loss * own) / tokens,
      gradientNorm: sum(({ gradientNorm }) => gradientNorm) / steps.length,
      tokens,
    };
  }

  dispose(): void {
    tf.dispose(this.pending.map(({ result }) => [result.loss, result.gradientNorm]).flat());
    this.pending = [];
  }
}

/** What stands behind the bar of an epoch. @param total of the steps that were summed up */
export function progressNote({
  loss,
  tokens,
  seconds,
}: {
  loss: number;
  tokens: number;
  seconds: number;
}): string {
  if (tokens === 0) return '';
  return `loss ${(loss / tokens).toFixed(3)}, ${(tokens / seconds).toFixed(0)} words/s, ${residentMemory()}`;
}
