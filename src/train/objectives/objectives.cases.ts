/** What the objectives make of a batch, on the backend that is in use. */
import { describe, expect, it } from 'vitest';
import { tf } from '../../backend/index.js';
import { trainingSchema } from '../../config/index.js';
import { BOS, EOS, packRows, PAD, UNK, Vocabulary } from '../../data/index.js';
import { createDecoder, type Decoder, type DecoderConfig } from '../../models/index.js';
import { inMemory, uniform } from '../../../tests/helpers.js';
import { crossEntropy } from './cross-entropy.js';
import { CiderReward } from './reward.js';
import { perCaption } from './rows.js';
import { mixInputs } from './scheduled-sampling.js';
import { selfCritical, type SelfCriticalOptions } from './self-critical.js';

const CHANNELS = 6;
const PLACES = 5;
const split = (text: string) => text.split(' ');
const dataset = [
  { image: 'a.png', captions: ['a dog runs', 'a brown dog runs fast'] },
  { image: 'b.png', captions: ['two cats sit', 'cats sit on a mat'] },
  { image: 'c.png', captions: ['a red car', 'the car is red'] },
];
const vocabulary = Vocabulary.build(
  dataset.flatMap(({ captions }) => captions.map(split)),
  { minCount: 1, maxSize: null },
);
const idsOf = (text: string) => vocabulary.encode(split(text));
const configs: DecoderConfig[] = [
  { type: 'lstm', embedding: 7, hidden: 8, layers: 2, dropout: 0.3, outputDropout: 0.4 },
  { type: 'soft-attention', embedding: 7, hidden: 8, attention: 9, dropout: 0.5 },
];

function make(config: DecoderConfig): { decoder: Decoder; features: tf.Tensor } {
  const decoder = createDecoder({
    config,
    vocabularySize: vocabulary.size,
    featureChannels: CHANNELS,
    seed: 3,
  });
  const shape = config.type === 'lstm' ? [3, CHANNELS] : [3, PLACES, CHANNELS];
  return {
    decoder,
    features: tf.tensor(
      uniform(
        'objectives',
        shape.reduce((a, b) => a * b, 1),
      ),
      shape,
    ),
  };
}

/** Images in another order than rows, and two captions of one image. */
const batch = packRows(
  dataset.flatMap(({ image, captions }) =>
    captions.slice(0, image === 'b.png' ? 2 : 1).map((text) => ({ image, targets: [...idsOf(text), EOS] })),
  ),
  ['c.png', 'a.png', 'b.png'],
);

/** Adds to the scores of some words, whatever the decoder sees. */
function prefer(decoder: Decoder, words: number[], by: number): void {
  const bias = decoder.variables().get(biasOf(decoder))!;
  const values = bias.dataSync().slice();
  for (const word of words) values[word] += by;
  bias.assign(tf.tensor1d(values as Float32Array));
}

const biasOf = ({ type }: Decoder) => (type === 'lstm' ? 'linear.bias' : 'fc.bias');

export function objectiveCases(): void {
  describe.each(configs)('$type', (config) => {
    describe('scheduled sampling', () => {
      it('feeds words of its own where the share of right ones ends', () => {
        const { decoder, features } = make(config);
        const word = idsOf('mat')[0];
        prefer(decoder, [word], 1000);
        const { inputs, targets, lengths, size, steps } = mixInputs(decoder, () => features, batch, 0, 1);
        expect(targets).toBe(batch.targets);
        for (let b = 0; b < size; b++) {
          const own = [...inputs.subarray(b * steps, b * steps + lengths[b])];
          expect(own).toEqual([BOS, ...Array.from({ length: lengths[b] - 1 }, () => word)]);
        }
      });

      it('feeds right words otherwise, and as many as it is told', () => {
        const { decoder, features } = make(config);
        expect(mixInputs(decoder, () => features, batch, 1, 1)).toBe(batch);
        prefer(decoder, [UNK], 1000);
        let own = 0;
        for (let seed = 0; seed < 100; seed++) {
          own += mixInputs(decoder, () => features, batch, 0.75, seed).inputs.filter(
            (id) => id === UNK,
          ).length;
        }
        const all = batch.tokens - batch.size;
        expect(own / (100 * all)).toBeGreaterThan(0.2);
        expect(own / (100 * all)).toBeLessThan(0.3);
      });

      it('draws from what the decoder says behind the words it was fed', () => {
        const { decoder, features } = make(config);
        const times = 2000;
        const [word] = idsOf('dog');
        const rows = Array.from({ length: times }, () => ({ image: 'a.png', targets: [word, EOS] }));
        const one = packRows(rows);
        const image = tf.slice(features, 0, 1);
        const expected = tf.tidy(() => {
          const start = decoder.step(decoder.start(image), tf.tensor1d([BOS], 'int32'));
          return tf.softmax(start.logits).dataSync();
        });
        const { inputs } = mixInputs(decoder, () => image, one, 0, 1);
        const counts = new Float64Array(vocabulary.size);
        for (let row = 0; row < times; row++) counts[inputs[2 * row + 1]]++;
        counts.forEach((count, id) => {
          const p = expected[id];
          expect(Math.abs(count / times - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / times));
        });
      });

      it('is chosen by the configuration', () => {
        const { decoder, features } = make(config);
        const scheduledSampling = { decay: 'linear', perEpoch: 1, floor: 0 };
        const lesson = (training: object, epochs: number) =>
          crossEntropy(decoder, trainingSchema.parse(training)).lesson(() => features, batch, {
            seed: 1,
            epochs,
          });
        expect(lesson({}, 1).batch).toBe(batch);
        expect(lesson({ scheduledSampling }, 0).batch).toBe(batch);
        const { inputs } = lesson({ scheduledSampling }, 1).batch;
        expect(inputs).toEqual(mixInputs(decoder, () => features, batch, 0, 1).inputs);
      });
    });

    describe('self-critical training', () => {
      const reward = new CiderReward(inMemory(dataset), split);
      const given: SelfCriticalOptions = {
        ...{ samples: 4, baseline: 'leave-one-out', crossEntropy: 0, dropout: false, maxWords: 5 },
        ...{ reward, vocabulary },
      };
      const lessonOf = (changes: Partial<SelfCriticalOptions>, made = make(config)) => {
        const objective = selfCritical(made.decoder, { ...given, ...changes });
        return { ...objective.lesson(() => made.features, batch, { seed: 5, epochs: 0 }), ...made };
      };
      /** Words and weight of each row, by image. */
      const rowsOf = (drawn: typeof batch) =>
        drawn.images.map((_, image) =>
          [...drawn.lengths.keys()]
            .filter((row) => drawn.imageOfRow[row] === image)
            .map((row) => ({
              targets: [...drawn.targets.subarray(row * drawn.steps, row * drawn.steps + drawn.lengths[row])],
              weight: drawn.weights![row],
            })),
        );
      const rewardOf = (image: string, targets: number[]) => {
        const finished = targets.at(-1) === EOS;
        const words = (finished ? targets.slice(0, -1) : targets).map((id) => vocabulary.wordOf(id));
        return reward.of([{ image, words, finished }])[0];
      };

      it('weighs each caption by its reward less that of the others', () => {
        const { batch: drawn, reward: mean } = lessonOf({});
        expect(drawn.images).toEqual(batch.images);
        let sum = 0;
        rowsOf(drawn).forEach((rows, image) => {
          expect(rows).toHaveLength(4);
          const rewards = rows.map(({ targets }) => rewardOf(drawn.images[image], targets));
          const all = rewards.reduce((total, value) => total + value, 0);
          sum += all;
          rows.forEach(({ weight }, i) => expect(weight).toBeCloseTo(rewards[i] - (all - rewards[i]) / 3, 5));
        });
        expect(mean).toBeCloseTo(sum / drawn.size, 6);
        expect(drawn.weights!.some((weight) => weight !== 0)).toBe(true);
      });

      it('weighs each caption by its reward less that of the greedy one', () => {
        const made = make(config);
        const word = idsOf('dog')[0];
        prefer(made.decoder, [word], 1000);
        // Every sample is the greedy caption.
        expect(
          [...lessonOf({ baseline: 'greedy' }, made).batch.weights!].every((weight) => weight === 0),
        ).toBe(true);
        const { batch: drawn } = lessonOf({ baseline: 'greedy', samples: 1 });
        rowsOf(drawn).forEach(([{ targets, weight }], image) => {
          const difference = rewardOf(drawn.images[image], targets) - weight;
          expect(difference).toBeGreaterThan(-1e-6);
        });
      });

      it('draws what it drew before for the same seed', () => {
        expect(lessonOf({}).batch).toEqual(lessonOf({}).batch);
      });

      it('has the gradient of the expected reward', () => {
        // d/dw sum_c p(c) R(c), with captions of one word at most, all of which can be counted.
        const made = make(config);
        const { decoder, features } = made;
        // An untrained decoder would say <pad> and <bos> as often as any word, but captions hold none.
        const objective = selfCritical(decoder, { ...given, maxWords: 1, samples: 16 });
        const expected = tf.tidy(() => {
          const start = tf.fill([3], BOS, 'int32') as tf.Tensor1D;
          const said = decoder.step(decoder.start(features), start);
          return allowed(said.logits).arraySync() as number[][];
        });
        // The caption is left after its first word: whether it ends there is drawn as well, but trains nothing unless it does.
        let mean = new Float64Array(vocabulary.size);
        const times = 200;
        for (let seed = 0; seed < times; seed++) {
          const { batch: drawn } = objective.lesson(() => features, batch, { seed, epochs: 0 });
          // Only first words count here.
          const first = packRows(
            rowsOf(drawn).flatMap((rows, i) =>
              rows.map(({ targets, weight }) => ({
                image: drawn.images[i],
                targets: targets.slice(0, 1),
                weight,
              })),
            ),
            drawn.images,
          );
          const { loss, gradients } = decoder.lossAndGradients(
            perCaption(features, first),
            first,
            objective.options,
          );
          const own = gradients.get(biasOf(decoder))!.dataSync();
          mean = mean.map((sum, id) => sum - own[id] / times);
          tf.dispose([loss, ...gradients.values()]);
        }
        // By first word w: the mean of the rewards that follow it, by what is drawn behind it.
        const rewards = batch.images.map((image, i) =>
          expected[i].map((_, id) => {
            if (id === EOS) return reward.of([{ image, words: [], finished: true }])[0];
            const words = [vocabulary.wordOf(id)];
            const ended = reward.of([{ image, words, finished: true }])[0];
            const open = reward.of([{ image, words, finished: false }])[0];
            const end = endAfter(decoder, features, i, id);
            return end * ended + (1 - end) * open;
          }),
        );
        const wanted = expected[0].map((_, id) =>
          expected.reduce((sum, p, i) => {
            const value = p.reduce((total, share, word) => total + share * rewards[i][word], 0);
            return sum + (p[id] * (rewards[i][id] - value)) / 3;
          }, 0),
        );
        const scale = Math.max(...wanted.map(Math.abs));
        wanted.forEach((value, id) => expect(Math.abs(mean[id] - value) / scale).toBeLessThan(0.25));
      });

      it('mixes the cross-entropy of right captions in', () => {
        const { decoder, features, batch: both } = lessonOf({ crossEntropy: 0.3 });
        const { batch: drawn } = lessonOf({});
        const lossOf = (own: typeof batch) =>
          tf.tidy(() => decoder.loss(perCaption(features, own), own).dataSync()[0]);
        expect(both.size).toBe(drawn.size + batch.size);
        // Sums over words, in which each kind counts by its share over its captions.
        const sumOf = (own: typeof batch) => lossOf(own) * own.tokens;
        const expected = (0.7 * sumOf(drawn)) / drawn.size + (0.3 * sumOf(batch)) / batch.size;
        expect(sumOf(both) / both.size).toBeCloseTo(expected, 4);
      });

      it('leaves no tensor behind', () => {
        const made = make(config);
        lessonOf({ baseline: 'greedy' }, made); // weights may be laid out for decoding once
        const before = tf.memory().numTensors;
        tf.tidy(() => void lessonOf({ baseline: 'greedy' }, made));
        expect(tf.memory().numTensors).toBe(before);
      });
    });
  });
}

/** Probabilities of all that captions may hold. */
function allowed(logits: tf.Tensor2D): tf.Tensor2D {
  const never = Array.from({ length: logits.shape[1] }, (_, id) =>
    id === PAD || id === BOS ? -Infinity : 0,
  );
  return tf.softmax(tf.add<tf.Tensor2D>(logits, tf.tensor1d(never)));
}

/** Probability that the caption of an image ends behind one word. */
function endAfter(decoder: Decoder, features: tf.Tensor, image: number, word: number): number {
  return tf.tidy(() => {
    const one = (id: number) => tf.tensor1d([id], 'int32');
    const { state } = decoder.step(decoder.start(tf.slice(features, image, 1)), one(BOS));
    return allowed(decoder.step(state, one(word)).logits).dataSync()[EOS];
  });
}
