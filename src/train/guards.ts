/** What watches over a training: numbers that are none, tensors that nobody frees, memory that does not suffice. */
import { tf } from '../backend/index.js';
import { messageOf, UserError, type Log } from '../core/index.js';

/** Steps in a row in which tensors must have become more before it is said. */
const STEPS = 20;

/** Counts the tensors that steps leave behind. */
export class LeakCounter {
  private before: number | undefined;
  private more = 0;
  private steps = 0;

  constructor(private readonly log: Pick<Log, 'warn'>) {}

  /**
   * After each step.
   * @param expected tensors that are kept on purpose since
   */
  count(expected: number): void {
    const now = tf.memory().numTensors - expected;
    const grown = this.before !== undefined && now > this.before;
    this.more = grown ? this.more + now - this.before! : 0;
    this.steps = grown ? this.steps + 1 : 0;
    this.before = now;
    if (this.steps !== STEPS) return;
    this.log.warn(
      `each of the last ${STEPS} steps left tensors behind, ${this.more} in all (${now} are alive): memory will run out`,
    );
  }
}

/** The names of gradients whose norm is not a finite number. */
export function notFinite(norms: ArrayLike<number>, names: readonly string[]): string {
  const wrong = names.filter((_, i) => !Number.isFinite(norms[i]));
  if (wrong.length === 0) return '';
  if (wrong.length === names.length) return 'every gradient';
  const rest = wrong.length > 3 ? ` and ${wrong.length - 3} others` : '';
  return `the gradient of ${wrong.slice(0, 3).join(', ')}${rest}`;
}

/** What TensorFlow, WebAssembly and V8 say. */
const OUT_OF_MEMORY =
  /\bOOM\b|out of memory|resource exhausted|failed to allocate|cannot enlarge memory|allocation failed|memory access out of bounds/i;

/** An error of a step, as one that says what helps if memory ran out. */
export function withMemoryAdvice(error: unknown, step: number, trainsEncoder: boolean): unknown {
  const message = messageOf(error);
  if (error instanceof UserError || !OUT_OF_MEMORY.test(message)) return error;
  return new UserError(`step ${step} ran out of memory: ${message.split('\n')[0]}`, {
    hint:
      'lower training.batchSize (training.accumulate makes up for it)' +
      (trainsEncoder ? ', train fewer stages of the encoder, or lower image.resize' : ''),
    cause: error,
  });
}
