import { describe, expect, it } from 'vitest';
import { readGolden } from '../../../tests/helpers.js';
import { ptbTokenize } from './tokenizer.js';

const golden = readGolden('ptb-tokenizer.json') as Record<
  'tricky' | 'captions' | 'drawn',
  [string, string][]
>;

describe('PTB tokenizer', () => {
  it.each(['tricky', 'captions', 'drawn'] as const)('gives the tokens of the reference tool: %s', (kind) => {
    expect(golden[kind].length).toBeGreaterThan(30);
    for (const [text, tokens] of golden[kind]) {
      expect({ text, tokens: ptbTokenize(text).join(' ') }).toEqual({ text, tokens });
    }
  });

  it('takes line breaks for spaces', () => {
    expect(ptbTokenize('A dog\nruns.\r\nIt\u2028barks')).toEqual(['a', 'dog', 'runs', 'it', 'barks']);
  });

  it('gives no token for nothing', () => {
    for (const text of ['', ' ', '\n', '. , ; :', '😀']) expect(ptbTokenize(text)).toEqual([]);
  });

  it("keeps a model's words as they are", () => {
    const words = 'two dogs play with a yellow tennis ball on the t-shirt'.split(' ');
    expect(ptbTokenize(words.join(' '))).toEqual(words);
    expect(ptbTokenize('a <unk> dog')).toEqual(['a', '<unk>', 'dog']);
  });

  it('ends on hostile text', () => {
    const pieces = ['a-', "o'", 'a.', '1,', '<a ', 'a@', '((', '&', 'http://a', '- ', '. ', '1/'];
    for (const piece of pieces) expect(ptbTokenize(piece.repeat(5000)).length).toBeGreaterThanOrEqual(0);
  });
});
