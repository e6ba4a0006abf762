/** That all processes hold the same weights: from the start, and still. */
import { createHash } from 'node:crypto';
import { tf } from '../backend/index.js';
import { UserError } from '../core/index.js';
import { differing, type World } from '../distributed/index.js';
import type { TrainingData } from './data.js';

function variablesOf({ encoder, decoder }: Pick<TrainingData, 'encoder' | 'decoder'>): tf.Variable[] {
  return [...encoder.variables().values(), ...decoder.variables().values()];
}

/** Gives all processes the weights of rank 0. */
export function startAlike(world: World, data: Pick<TrainingData, 'encoder' | 'decoder'>): void {
  if (world.size === 1) return;
  for (const variable of variablesOf(data)) {
    const values = variable.dataSync<'float32'>().slice();
    world.broadcast(values);
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
}

/** @throws UserError where the weights of the processes have come apart; it names those that differ from rank 0 */
export function checkAlike(world: World, data: Pick<TrainingData, 'encoder' | 'decoder'>): void {
  if (world.size === 1) return;
  const hash = createHash('sha256');
  for (const variable of variablesOf(data)) hash.update(variable.dataSync<'float32'>());
  const others = differing(world, hash.digest('hex'));
  if (others.length === 0) return;
  throw new UserError(`the weights of rank ${others.join(', ')} are no longer those of rank 0`, {
    hint: 'all processes need the same showtell, the same TensorFlow and machines of one kind; go on from the last save with --resume',
  });
}
