import { expect, test } from 'vitest';
import { readGolden } from '../../tests/helpers.js';
import { trainingSchema, type TrainingConfig } from '../config/index.js';
import { nextPlateau, noPlateau, shareOfRate, type Plateau } from './schedule.js';

const { schedules, scores } = readGolden('optimizers.json') as {
  schedules: Record<string, number[]>;
  scores: number[];
};

/** The names are those of tests/goldens/optimizers.py; every epoch has one step. */
const settings: Record<string, Partial<TrainingConfig>> = {
  'cosine, 12 steps': { schedule: 'cosine', epochs: 12 },
  'step, every 3 epochs by 0.5': { schedule: 'step', stepEvery: 3, decayFactor: 0.5 },
  'warm-up of 4 steps': { warmup: 4 },
  'plateau, patience 1, factor 0.5': { schedule: 'plateau', plateauPatience: 1, decayFactor: 0.5 },
};

test.each(Object.entries(schedules))('%s as in PyTorch', (name, expected) => {
  const training = trainingSchema.parse(settings[name]);
  let plateau: Plateau = noPlateau;
  expected.forEach((rate, i) => {
    const share = shareOfRate(training, { step: i + 1, epoch: i + 1, stepsPerEpoch: 1, plateau });
    expect(share).toBeCloseTo(rate, 6);
    plateau = nextPlateau(plateau, scores[i], training);
  });
});

test('a warm-up multiplies the schedule behind it', () => {
  const training = trainingSchema.parse({ schedule: 'step', stepEvery: 1, decayFactor: 0.5, warmup: 10 });
  const share = shareOfRate(training, { step: 5, epoch: 3, stepsPerEpoch: 2, plateau: noPlateau });
  expect(share).toBeCloseTo(0.5 * 0.25, 9);
});
