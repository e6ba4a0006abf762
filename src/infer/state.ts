/** Ownership of decoder states in a search: what the new state shares with the old one must survive it. */
import { tf } from '../backend/index.js';
import type { DecoderState } from '../models/index.js';

/** `tf.tidy` for results that hold decoder states; tensors made before the call are left alone. */
export function tidied<T>(work: () => T): T {
  return tf.tidy(work as () => tf.TensorContainer) as T;
}

/** Disposes the tensors of `old`, but not those that `next` holds as well. */
export function replaceState(old: DecoderState, next: DecoderState): DecoderState {
  const kept = new Set(Object.values(next.tensors));
  for (const tensor of Object.values(old.tensors)) if (!kept.has(tensor)) tensor.dispose();
  return next;
}
