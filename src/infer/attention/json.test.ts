import { describe, expect, it } from 'vitest';
import { UserError } from '../../core/index.js';
import type { AttendedCaption } from './attention.js';
import { attentionJson } from './json.js';

const caption = (change: Partial<AttendedCaption> = {}): AttendedCaption => ({
  text: 'A dog',
  words: ['a', 'dog'],
  logProbability: -1,
  score: -1,
  finished: true,
  attention: {
    height: 1,
    width: 3,
    maps: [Float32Array.of(0.1, 0.2, 0.7), Float32Array.of(1, 0, 0)],
    photo: { width: 40, height: 20 },
    region: { left: 5, top: 0, width: 30, height: 20 },
  },
  ...change,
});

describe('attentionJson', () => {
  it('has these fields and no others', () => {
    const json = JSON.parse(JSON.stringify(attentionJson(caption())));
    expect(json).toEqual({
      caption: 'A dog',
      photo: { width: 40, height: 20 },
      region: { left: 5, top: 0, width: 30, height: 20 },
      regionFractions: { left: 0.125, top: 0, width: 0.75, height: 1 },
      grid: { height: 1, width: 3 },
      words: [
        {
          word: 'a',
          entropy: expect.closeTo(-(0.1 * Math.log(0.1) + 0.2 * Math.log(0.2) + 0.7 * Math.log(0.7)), 6),
          normalizedEntropy: expect.closeTo(0.729846, 5),
          effectiveCells: expect.closeTo(2.229592, 5),
          centre: { x: expect.closeTo(26, 5), y: 10 },
          weights: [[0.100000001, 0.200000003, 0.699999988]],
        },
        {
          word: 'dog',
          entropy: 0,
          normalizedEntropy: 0,
          effectiveCells: 1,
          centre: { x: 10, y: 10 },
          weights: [[1, 0, 0]],
        },
      ],
      coverage: {
        cells: [[expect.closeTo(1.1, 6), expect.closeTo(0.2, 6), expect.closeTo(0.7, 6)]],
        evenShare: 2 / 3,
        belowEvenShare: 1 / 3,
        variation: expect.closeTo(Math.sqrt((0.65 ** 2 + 0.7 ** 2 + 0.05 ** 2) / 3), 6),
        penalty: expect.closeTo(0.01 + 0.64 + 0.09, 6),
      },
    });
  });

  it('brings the weights back exactly', () => {
    const weights = Float32Array.of(1 / 3, 1.1754944e-38, 1e-45, 0.6666667);
    const { maps: _, ...rest } = caption().attention!;
    const one = caption({ words: ['x'], attention: { ...rest, width: 4, maps: [weights] } });
    const [{ weights: rows }] = JSON.parse(JSON.stringify(attentionJson(one))).words;
    expect(Float32Array.from(rows[0])).toEqual(weights);
  });

  it('has no coverage, and no words, for an empty caption', () => {
    const { attention } = caption();
    const empty = attentionJson(caption({ text: '', words: [], attention: { ...attention!, maps: [] } }));
    expect(empty).toMatchObject({ words: [], coverage: null });
  });

  it.each<[string, Partial<AttendedCaption>, RegExp]>([
    ['no attention', { attention: undefined }, /made without attention/],
    ['too few maps', { words: ['a', 'dog', 'runs'] }, /3 words and 2 maps/],
    [
      'maps of another size',
      { attention: { ...caption().attention!, height: 2 } },
      /word 1 has 3 weights, not 2 x 3/,
    ],
    [
      'weights that are not numbers',
      {
        attention: { ...caption().attention!, maps: [Float32Array.of(1, 0, 0), Float32Array.of(NaN, 0, 1)] },
      },
      /word 2 has weights that are no shares/,
    ],
  ])('refuses a caption with %s', (_, change, message) => {
    expect(() => attentionJson(caption(change))).toThrow(UserError);
    expect(() => attentionJson(caption(change))).toThrow(message);
  });
});
