/** Keeps the losses of several steps on the device and reads them back together. */
import { tf } from '../backend/index.js';
import { UserError } from '../core/index.js';
import type { StepResult } from './step.js';

interface Pending {
  result: StepResult;
  tokens: number;
  step: number;
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

  /** Takes over the result's tensors. */
  add(result: StepResult, tokens: number, step: number): void {
    this.pending.push({ result, tokens, step });
  }

  get count(): number {
    return this.pending.length;
  }

  /**
   * Reads what was added since the last call.
   * @throws UserError that names the first step whose loss is not a finite number
   */
  read(): LossSummary {
    const pending = this.pending;
    this.pending = [];
    const values = tf.tidy(() =>
      tf.stack(pending.flatMap(({ result }) => [result.loss, result.gradientNorm])).dataSync(),
    );
    tf.dispose(pending.map(({ result }) => [result.loss, result.gradientNorm]).flat());
    let loss = 0;
    let norm = 0;
    let tokens = 0;
    pending.forEach((entry, i) => {
      if (!Number.isFinite(values[2 * i])) {
        throw new UserError(
          `the loss of step ${entry.step} is ${values[2 * i]}; the gradient norm there was ${values[2 * i + 1]}`,
          {
            hint: 'lower training.learningRate or training.clipNorm; the checkpoint of the last good epoch is kept',
          },
        );
      }
      loss += values[2 * i] * entry.tokens;
      norm += values[2 * i + 1];
      tokens += entry.tokens;
    });
    return { loss: loss / tokens, gradientNorm: norm / pending.length, tokens };
  }

  dispose(): void {
    tf.dispose(this.pending.map(({ result }) => [result.loss, result.gradientNorm]).flat());
    this.pending = [];
  }
}
