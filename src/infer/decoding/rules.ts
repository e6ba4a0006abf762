/**
 * Rules on what may be said next: bans, the least length, blocked n-grams, a forced beginning. Rules are small and
 * composed; every strategy asks all of them in each step, before it chooses.
 */
import { tf } from '../../backend/index.js';
import { UserError } from '../../core/index.js';
import { BOS, EOS, PAD, UNK } from '../../data/index.js';
import type { Search } from './options.js';

/** A rule; it may speak about a step of all captions, about single captions, or both. */
export interface DecodingRule {
  /**
   * For every caption that holds `step` words: ids that may not follow, or the only one that may. The only one comes
   * before all bans.
   */
  step?(step: number): { not: readonly number[] } | { only: number } | undefined;
  /** For a caption of these words: ids that may not follow. */
  after?(words: readonly number[]): readonly number[];
}

/** Ids that may never be said. */
export function ban(ids: readonly number[]): DecodingRule {
  return { step: () => ({ not: ids }) };
}

/** No end before `words` words. */
export function minimumLength(words: number): DecodingRule {
  return { step: (step) => (step < words ? { not: [EOS] } : undefined) };
}

/** The caption begins with these ids. */
export function forcedPrefix(ids: readonly number[]): DecodingRule {
  return { step: (step) => (step < ids.length ? { only: ids[step] } : undefined) };
}

/** No n words stand twice in a caption in the same order. */
export function blockRepeats(n: number): DecodingRule {
  return {
    after(words) {
      const last = words.length - n + 1; // where the n-gram begins that the next word completes
      const banned: number[] = [];
      for (let start = 0; start < last; start++) {
        let same = 0;
        while (same < n - 1 && words[start + same] === words[last + same]) same++;
        if (same === n - 1) banned.push(words[start + n - 1]);
      }
      return banned;
    },
  };
}

/** The rules of a search, and others of the caller's own. */
export function rulesOf(
  search: Search,
  given: { banned?: readonly number[]; prefix?: readonly number[]; rules?: readonly DecodingRule[] },
): DecodingRule[] {
  const { minWords, maxWords, blockNgrams, unknownWords } = search;
  const { banned = [], prefix = [], rules = [] } = given;
  if (banned.includes(EOS)) throw new UserError('<eos> is banned: no caption could end.');
  if (prefix.length > maxWords) {
    throw new UserError(`the prefix has ${prefix.length} words, more than maxWords, ${maxWords}.`);
  }
  if (prefix.some((id) => id === PAD || id === BOS || id === EOS)) {
    throw new UserError('the prefix holds <pad>, <bos> or <eos>, which are no words.');
  }
  return [
    ban(unknownWords ? [PAD, BOS, ...banned] : [PAD, BOS, UNK, ...banned]),
    ...(minWords > 0 ? [minimumLength(minWords)] : []),
    ...(blockNgrams === null ? [] : [blockRepeats(blockNgrams)]),
    ...(prefix.length > 0 ? [forcedPrefix(prefix)] : []),
    ...rules,
  ];
}

/**
 * Logits with -infinity for what the rules forbid. Where they forbid everything, the whole row is -infinity: an argmax
 * gives `<pad>`, which no caption says.
 * @param logits (R, V)
 * @param captions the words of each row so far, all of `step` words; nothing for a row that does not matter
 * @returns (R, V); to be called within tf.tidy
 */
export function applyRules(
  rules: readonly DecodingRule[],
  logits: tf.Tensor2D,
  step: number,
  captions: readonly (readonly number[] | undefined)[],
): tf.Tensor2D {
  const [rows, vocabularySize] = logits.shape;
  const mask = new Float32Array(vocabularySize);
  for (const rule of rules) {
    const said = rule.step?.(step);
    if (!said) continue;
    if ('only' in said) {
      mask.fill(-Infinity);
      mask[said.only] = 0;
      return tf.add(logits, tf.tensor1d(mask));
    }
    for (const id of said.not) mask[id] = -Infinity;
  }
  const allowed: tf.Tensor2D = tf.add(logits, tf.tensor1d(mask));
  const banned: number[] = []; // pairs of row and id
  captions.forEach((words, row) => {
    if (!words) return;
    for (const rule of rules) for (const id of rule.after?.(words) ?? []) banned.push(row, id);
  });
  if (banned.length === 0) return allowed;
  const pairs = tf.tensor2d(banned, [banned.length / 2, 2], 'int32');
  return tf.add(
    allowed,
    tf.scatterND(pairs, tf.fill([banned.length / 2], -Infinity), [rows, vocabularySize]),
  );
}
