import { expect, it } from 'vitest';
import { sentence } from './sentence.js';

it.each<[string[], boolean, string]>([
  [['a', 'dog', 'runs'], true, 'A dog runs'],
  [['a', 'dog', 'runs'], false, 'A dog runs...'],
  [['it', 'does', "n't", 'run', ',', 'does', 'it', '?'], true, "It doesn't run, does it?"],
  [['the', 'dog', "'s", 'ball', '.'], true, "The dog's ball."],
  [['', 'a', '', 'dog'], true, 'A dog'],
  [['élan'], true, 'Élan'],
  [[], true, ''],
  [[], false, '...'],
])('%j, finished %s', (words, finished, text) => {
  expect(sentence(words, finished)).toBe(text);
});
