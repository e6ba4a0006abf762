/** Keeps the losses of several steps on the device and reads them back together. */
import { tf } from '../backend/index.js';
import { residentMemory, UserError } from '../core/index.js';
import { notFinite } from './guards.js';
import type { StepResult } from './step.js';

interface Pending {
  result: StepResult;
  step: number;
  images: readonly string[];
}

/** A step's numbers, read back. */
export interface StepLoss {
  step: number;
  loss: number;
  gradientNorm: number;
  tokens: number;
  reward?: number;
}

export interface LossSummary {
  /** Mean per token, nats. */
  loss: number;
  /** Mean over the steps. */
  gradientNorm: number;
  tokens: number;
  /** Mean per token, of steps that drew captions. */
  reward?: number;
}

export class LossMeter {
  private pending: Pending[] = [];
  /** @param settled of the steps since the last summary, where a training goes on */
  constructor(private settled: StepLoss[] = []) {}

  /**
   * Takes over the result's tensors.
   * @param images of the step, for error messages
   */
  add(result: StepResult, step: number, images: readonly string[]): void {
    this.pending.push({ result, step, images });
  }

  get count(): number {
    return this.settled.length + this.pending.length;
  }

  /** Tensors that it keeps. */
  get tensors(): number {
    return 3 * this.pending.length;
  }

  /**
   * The steps since the last summary.
   * @throws UserError that names the first step whose loss or gradient is not a finite number
   */
  settle(): readonly StepLoss[] {
    const pending = this.pending;
    if (pending.length === 0) return this.settled;
    const values = tf.tidy(() =>
      tf.stack(pending.flatMap(({ result }) => [result.loss, result.gradientNorm])).dataSync(),
    );
    pending.forEach(({ step, images, result }, i) => {
      const [loss, gradientNorm] = [values[2 * i], values[2 * i + 1]];
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
        throw notANumber({ step, loss, images }, notFinite(result.norms.dataSync(), result.names));
      }
      const { tokens, reward } = result;
      this.settled.push({ step, loss, gradientNorm, tokens, ...(reward !== undefined && { reward }) });
    });
    this.dispose();
    return this.settled;
  }

  /** Sums up the steps since the last call. @throws UserError as `settle` */
  read(): LossSummary {
    const steps = this.settle();
    this.settled = [];
    const tokens = steps.reduce((sum, step) => sum + step.tokens, 0);
    const perToken = (of: (step: StepLoss) => number) =>
      steps.reduce((sum, step) => sum + of(step) * step.tokens, 0) / tokens;
    return {
      loss: perToken(({ loss }) => loss),
      gradientNorm: steps.reduce((sum, { gradientNorm }) => sum + gradientNorm, 0) / steps.length,
      tokens,
      ...(steps.some(({ reward }) => reward !== undefined) && {
        reward: perToken(({ reward = 0 }) => reward),
      }),
    };
  }

  dispose(): void {
    tf.dispose(this.pending.map(({ result: { loss, gradientNorm, norms } }) => [loss, gradientNorm, norms]));
    this.pending = [];
  }
}

function notANumber(
  { step, loss, images }: { step: number; loss: number; images: readonly string[] },
  gradients: string,
): UserError {
  const more = images.length > 3 ? ` and ${images.length - 3} others` : '';
  return new UserError(
    `the loss of step ${step} is ${loss}${gradients && `; not finite there: ${gradients}`}; ` +
      `images of the step: ${images.slice(0, 3).join(', ')}${more}`,
    {
      hint: 'lower training.learningRate or training.weightDecay, or set training.clipNorm lower; what was saved before is kept',
    },
  );
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
