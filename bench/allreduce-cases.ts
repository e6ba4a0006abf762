/** What several processes cost: the sums of their gradients alone, and whole steps. */
import type { AllreduceOptions, SumOptions, StepOptions } from './allreduce.js';
import type { Case } from './cases.js';
import { targetLengths } from './synthetic.js';

const wires = ['float32', 'bfloat16'] as const;

/** Each with the vocabulary, the sizes and the features of a recipe in configs/. */
const decoders: Record<string, Pick<StepOptions, 'decoder' | 'features'>> = {
  'soft attention, all sizes 512': {
    decoder: { type: 'soft-attention', embedding: 512, hidden: 512, attention: 512, dropout: 0.5 },
    features: [49, 576],
  },
  'LSTM, one layer, all sizes 512': {
    decoder: { type: 'lstm', embedding: 512, hidden: 512, layers: 1, dropout: 0, outputDropout: 0.5 },
    features: [576],
  },
};

export function allreduceCases(): Case[] {
  const one = (label: string, options: AllreduceOptions): Case => ({
    ...{ bench: 'allreduce', label, unit: 'ms', larger: false, peers: [] },
    options: { ...options },
  });
  const sum = { work: 'sum', warmup: 3, repeats: 15 } as const;
  const step = { work: 'step', vocabulary: 2535, lengths: targetLengths(), warmup: 2, repeats: 7 } as const;
  return [
    ...[2, 4].flatMap((processes) =>
      [1, 25, 100].flatMap((mib) =>
        wires.map((wire) =>
          one(`sum of ${mib} MiB, ${wire}, ${processes} processes`, {
            ...sum,
            processes,
            mib,
            wire,
          } satisfies SumOptions),
        ),
      ),
    ),
    ...Object.entries(decoders).flatMap(([name, decoder]) =>
      [{ processes: 1, wire: 'float32' } as const, ...wires.map((wire) => ({ processes: 2, wire }))].map(
        (by) =>
          one(
            `step of 100 captions, ${name}, ${by.processes === 1 ? 'one process' : `${by.processes} processes, ${by.wire}`}`,
            { ...step, ...decoder, ...by } satisfies StepOptions,
          ),
      ),
    ),
  ];
}
