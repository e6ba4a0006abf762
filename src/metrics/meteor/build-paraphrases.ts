/** From METEOR's table of paraphrases, text in gzip, to the arrays that paraphrases.ts searches. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { UserError } from '../../core/index.js';
import type { ParaphraseArrays } from './paraphrases.js';

/** Word numbers are 16 bits wide. */
const MOST_WORDS = 0xffff;

interface Node {
  children: Map<number, Node>;
  /** numbers of its entries */
  entries: number[];
}

/** @param file three lines an entry: probability, phrase, paraphrase */
export async function buildParaphrases(file: string): Promise<ParaphraseArrays> {
  const numbers = new Map<string, number>();
  const numberOf = (word: string) => {
    let number = numbers.get(word);
    if (number === undefined) numbers.set(word, (number = numbers.size));
    return number;
  };
  const root: Node = { children: new Map(), entries: [] };
  const lengths = new Growing();
  const text = new Growing();
  let line = 0;
  let entries = 0;
  let node = root;
  const source = createReadStream(file);
  const unzipped = source.pipe(createGunzip());
  source.on('error', (error) => unzipped.destroy(error));
  for await (const content of createInterface({ input: unzipped, crlfDelay: Infinity })) {
    const kind = line++ % 3;
    if (kind === 0) continue;
    const words = content.split(/[ \t]+/).filter((word) => word !== '');
    if (kind === 1) {
      node = root;
      for (const word of words) {
        const number = numberOf(word);
        let child = node.children.get(number);
        if (!child) node.children.set(number, (child = { children: new Map(), entries: [] }));
        node = child;
      }
    } else {
      node.entries.push(entries++);
      lengths.push(words.length);
      for (const word of words) text.push(numberOf(word));
    }
  }
  if (line === 0 || line % 3 !== 0 || numbers.size > MOST_WORDS) {
    throw new UserError(`${file} is no table of paraphrases: ${line} lines, ${numbers.size} words.`);
  }
  return flatten(root, [...numbers.keys()].join('\n'), lengths.array(), text.array());
}

/** Nodes in order of breadth, so that the children of each lie together. */
function flatten(root: Node, words: string, lengths: Uint16Array, text: Uint16Array): ParaphraseArrays {
  const begins = new Uint32Array(lengths.length); // of each entry's words
  for (let entry = 1; entry < lengths.length; entry++) begins[entry] = begins[entry - 1] + lengths[entry - 1];
  const nodes: Node[] = [root];
  const labels: number[] = [0];
  const firstChild: number[] = [];
  for (let n = 0; n < nodes.length; n++) {
    firstChild.push(nodes.length);
    const children = [...nodes[n].children].sort(([a], [b]) => a - b);
    for (const [label, child] of children) {
      nodes.push(child);
      labels.push(label);
    }
  }
  firstChild.push(nodes.length);
  const firstEntry = new Uint32Array(nodes.length + 1);
  const firstWord = new Uint32Array(nodes.length + 1);
  const orderedLengths = new Uint8Array(lengths.length);
  const orderedText = new Uint16Array(text.length);
  let entries = 0;
  let at = 0;
  nodes.forEach((node, n) => {
    firstEntry[n] = entries;
    firstWord[n] = at;
    for (const entry of node.entries) {
      orderedLengths[entries++] = lengths[entry];
      orderedText.set(text.subarray(begins[entry], begins[entry] + lengths[entry]), at);
      at += lengths[entry];
    }
  });
  firstEntry[nodes.length] = entries;
  firstWord[nodes.length] = at;
  return {
    words,
    labels: Uint16Array.from(labels),
    firstChild: Uint32Array.from(firstChild),
    firstEntry,
    firstWord,
    lengths: orderedLengths,
    text: orderedText,
  };
}

/** 16-bit numbers whose count is not known beforehand. */
class Growing {
  private values = new Uint16Array(1 << 16);
  private count = 0;

  push(value: number): void {
    if (this.count === this.values.length) {
      const larger = new Uint16Array(2 * this.count);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.count++] = value;
  }

  array(): Uint16Array {
    return this.values.slice(0, this.count);
  }
}
