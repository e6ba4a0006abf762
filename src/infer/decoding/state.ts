/** Ownership of decoder states in a search: what the new state shares with the old one must survive it. */
import { tf } from '../../backend/index.js';
import type { DecoderState } from '../../models/index.js';

/** `tf.tidy` for results that hold decoder states; tensors made before the call are left alone. */
export function tidied<T>(work: () => T): T {
  return tf.tidy(work as () => tf.TensorContainer) as T;
}

const tensorsOf = ({ tensors, images }: DecoderState) => [
  ...Object.values(tensors),
  ...Object.values(images),
];

/** Disposes the tensors of `old`, but not those that `next` holds as well. */
export function replaceState(old: DecoderState, next: DecoderState): DecoderState {
  const kept = new Set(tensorsOf(next));
  for (const tensor of tensorsOf(old)) if (!kept.has(tensor)) tensor.dispose();
  return next;
}

/**
 * Whether going on without the finished images pays: their rows cost a share of every step, leaving them behind costs
 * one copy of what the decoder keeps of the others.
 */
export function worthLeaving(open: number, all: number): boolean {
  return open <= all / 2;
}
