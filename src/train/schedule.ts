/** The share of the learning rates that a step takes. */
import type { TrainingConfig } from '../config/index.js';

/** What the plateau schedule remembers between epochs. */
export interface Plateau {
  /** Highest validation score so far. */
  best: number;
  /** Epochs since, or since the last fall. */
  bad: number;
  /** Share that is left. */
  factor: number;
}

export const noPlateau: Readonly<Plateau> = { best: -1, bad: 0, factor: 1 };

type Schedule = Pick<TrainingConfig, 'schedule' | 'epochs' | 'warmup' | 'stepEvery' | 'decayFactor'>;

/**
 * As torch.optim.lr_scheduler's CosineAnnealingLR over all steps of all epochs, StepLR, ReduceLROnPlateau; times
 * a linear rise over the first `warmup` steps.
 * @param step from 1 @param epoch from 1
 */
export function shareOfRate(
  { schedule, epochs, warmup, stepEvery, decayFactor }: Schedule,
  {
    step,
    epoch,
    stepsPerEpoch,
    plateau,
  }: { step: number; epoch: number; stepsPerEpoch: number; plateau: Plateau },
): number {
  const risen = warmup > 0 ? Math.min(1, step / warmup) : 1;
  switch (schedule) {
    case 'constant':
      return risen;
    case 'cosine':
      return (risen * (1 + Math.cos((Math.PI * (step - 1)) / (epochs * stepsPerEpoch)))) / 2;
    case 'step':
      return risen * decayFactor ** Math.floor((epoch - 1) / stepEvery);
    case 'plateau':
      return risen * plateau.factor;
  }
}

/** After an epoch. @param score of its validation, higher is better */
export function nextPlateau(
  { best, bad, factor }: Plateau,
  score: number,
  { plateauPatience, decayFactor }: Pick<TrainingConfig, 'plateauPatience' | 'decayFactor'>,
): Plateau {
  if (score > best) return { best: score, bad: 0, factor };
  if (bad < plateauPatience) return { best, bad: bad + 1, factor };
  return { best, bad: 0, factor: factor * decayFactor };
}
