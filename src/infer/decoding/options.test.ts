import { describe, expect, it } from 'vitest';
import { describeSearch, resolveSearch, type SearchOptions } from './options.js';

describe('search options', () => {
  it('have defaults that say what they are', () => {
    const describe = (options: SearchOptions) => describeSearch(resolveSearch(options));
    expect(describe({})).toBe('greedy, at most 30 words');
    expect(describe({ beam: 1 })).toBe('greedy, at most 30 words');
    expect(describe({ beam: 5, maxWords: 20 })).toBe('beam 5, at most 20 words');
    expect(describe({ strategy: 'beam' })).toBe('beam 3, at most 30 words');
    expect(describe({ beam: 3, lengthPenalty: 'wu', minWords: 4, blockNgrams: 3 })).toBe(
      'beam 3, length penalty of Wu et al., alpha 0.65, at least 4 words, at most 30 words, no 3-gram twice',
    );
    expect(describe({ strategy: 'diverse-beam' })).toBe(
      'beam 6 in 3 groups, diversity 0.5, at most 30 words',
    );
    expect(describe({ strategy: 'sample', topK: 10, topP: 0.9, temperature: 0.7, unknownWords: true })).toBe(
      'sampled, temperature 0.7, top 10 words, top 0.9 of the probability, seed 1, at most 30 words, <unk> allowed',
    );
  });

  const refused: [SearchOptions, RegExp][] = [
    [{ beam: 1.5 }, /beam is 1\.5; it must be an integer of 1 or more/],
    [{ maxWords: 0 }, /maxWords is 0/],
    [{ minWords: 9, maxWords: 8 }, /minWords is 9, more than maxWords, 8/],
    [{ beam: 2, captions: 3 }, /captions is 3, but a beam of 2/],
    [{ captions: 2 }, /captions is 2, but a beam of 1/],
    [{ strategy: 'sample', beam: 3 }, /strategy sample keeps no beam/],
    [{ strategy: 'greedy', beam: 3 }, /strategy greedy keeps no beam/],
    [{ temperature: 0.5 }, /temperature does not go with the strategy greedy/],
    [{ beam: 3, topK: 5 }, /topK does not go with the strategy beam/],
    [{ strategy: 'sample', lengthPenalty: 'wu' }, /lengthPenalty does not go with the strategy sample/],
    [{ beam: 4, groups: 2 }, /groups does not go with the strategy beam/],
    [{ beam: 3, wuAlpha: 0.5 }, /wuAlpha belongs to the length penalty wu/],
    [{ strategy: 'diverse-beam', beam: 5, groups: 2 }, /5 cannot be divided into 2 groups/],
    [{ strategy: 'sample', temperature: 0 }, /temperature is 0; it must be a number above 0/],
    [{ strategy: 'sample', topP: 1.5 }, /topP is 1\.5; it must be at most 1/],
    [{ strategy: 'sample', topP: NaN }, /topP is NaN/],
    [{ strategy: 'diverse-beam', diversity: -1 }, /diversity is -1/],
    [{ strategy: 'dream' as never }, /strategy is dream; it must be one of greedy, beam/],
    [
      { beam: 2, lengthPenalty: 'tall' as never },
      /lengthPenalty is tall; it must be one of none, average, wu/,
    ],
    [{ blockNgrams: 0 }, /blockNgrams is 0/],
  ];
  it.each(refused)('refuses %o', (options, message) => {
    expect(() => resolveSearch(options)).toThrow(message);
  });
});
