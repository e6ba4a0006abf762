/**
 * Pre-trained word vectors in GloVe's text format (Pennington et al. 2014): a word and its numbers on each line, between
 * single spaces. Word2vec's text format, which has a first line with the number of words and of numbers, is read too.
 */
import { createReadStream } from 'node:fs';
import { messageOf, UserError } from '../core/index.js';

export interface WordVectors {
  /** by word, each of the size that was asked for */
  vectors: Map<string, Float32Array>;
  /** words of the file */
  words: number;
}

/**
 * The vectors of the words that are asked for; the file is read line by line, and only their numbers are kept.
 * @param wanted words
 * @param size numbers of a vector
 * @throws UserError that names the file and the line for vectors of another size, or numbers that are none
 */
export async function readWordVectors(
  path: string,
  wanted: ReadonlySet<string>,
  size: number,
): Promise<WordVectors> {
  const vectors = new Map<string, Float32Array>();
  let line = 0;
  let words = 0;
  const wrong = (why: string) =>
    new UserError(`${path}:${line}: ${why}`, {
      hint: `expected a word and ${size} numbers on each line (GloVe's text format); decoder.embedding is ${size}`,
    });
  try {
    for await (const text of linesOf(createReadStream(path, 'utf8'))) {
      line++;
      if (text.trim() === '' || (line === 1 && /^\d+ \d+ *$/.test(text))) continue;
      const fields = text.trimEnd().split(' ');
      // A word may hold spaces, as a few of glove.840B do.
      if (fields.length <= size) throw wrong(`${fields.length - 1} numbers`);
      const word = fields.slice(0, fields.length - size).join(' ');
      words++;
      const rest = fields.slice(1, fields.length - size);
      if (words === 1 && rest.length > 0 && rest.every((field) => Number.isFinite(Number(field)))) {
        throw wrong(`${fields.length - 1} numbers`);
      }
      if (!wanted.has(word) || vectors.has(word)) continue;
      const vector = Float32Array.from(fields.slice(-size), Number);
      const bad = vector.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0) throw wrong(`"${fields[fields.length - size + bad]}" is no number`);
      vectors.set(word, vector);
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`cannot read the word vectors ${path}: ${messageOf(error)}`, {
      hint: 'training.wordVectors names a text file of GloVe',
      cause: error,
    });
  }
  if (words === 0) throw new UserError(`the word vectors ${path} hold no word`);
  return { vectors, words };
}

/** Characters that no line of word vectors has. */
const LONGEST = 1 << 20;

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split(/\r?\n/);
    rest = lines.pop()!;
    if (rest.length > LONGEST) throw new Error(`a line has more than ${LONGEST} characters`);
    yield* lines;
  }
  if (rest !== '') yield rest;
}
