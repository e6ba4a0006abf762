/** Tensors that are made of others, kept until one of these changes. */
import { tf } from '../../backend/index.js';

export class Derived<T extends Record<string, tf.Tensor>> {
  private made: { sources: object[]; tensors: T } | undefined;

  /** @param sources what `make` reads: a variable that takes a new value counts as changed */
  constructor(
    private readonly sources: () => Iterable<tf.Tensor>,
    private readonly make: () => T,
  ) {}

  get(): T {
    const sources = Array.from(this.sources(), ({ dataId }) => dataId);
    if (this.made && sources.every((id, i) => id === this.made!.sources[i])) return this.made.tensors;
    this.dispose();
    const tensors = tf.tidy(this.make);
    for (const tensor of Object.values(tensors)) tf.keep(tensor);
    this.made = { sources, tensors };
    return tensors;
  }

  dispose(): void {
    if (this.made) tf.dispose(this.made.tensors);
    this.made = undefined;
  }
}
