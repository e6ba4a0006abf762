/**
 * METEOR's own normaliser (its option -norm, English, punctuation kept): it takes apart what the Penn Treebank tokenizer left
 * together, hyphens and clitics above all. The order of the steps is the jar's, and matters.
 */

const LETTERS =
  'A-Za-zŠŽšžŸÀ-ÖØ-öø-ž\\u0400-\\u04ff\\u0500-\\u0527\\ua640-\\ua66e\\ua67e-\\ua697\\u1d00-\\u1d7f';

const STEPS: [RegExp, string][] = [
  // Commas that are in no number
  [/([^0-9]),([^0-9])/g, '$1 , $2'],
  [/([0-9]),([^0-9])/g, '$1 , $2'],
  [/([^0-9]),([0-9])/g, '$1 , $2'],
  // Quotes and dashes
  [/[`‘’]/g, "'"],
  [/[“”]|''/g, ' " '],
  [/–/g, '-'],
  [/--/g, '-'],
  [new RegExp(`([0-9${LETTERS}.])-([0-9${LETTERS}])`, 'g'), '$1 $2'],
  // Apostrophes
  [new RegExp(`([^${LETTERS}])'([^${LETTERS}])`, 'g'), "$1 ' $2"],
  [new RegExp(`([^0-9${LETTERS}])'([${LETTERS}])`, 'g'), "$1 ' $2"],
  [new RegExp(`([${LETTERS}])'([^${LETTERS}])`, 'g'), "$1 ' $2"],
  [new RegExp(`([${LETTERS}])'([${LETTERS}])`, 'g'), "$1 '$2"],
  [/([0-9])'(s)/g, "$1 '$2"],
];
const OTHER = new RegExp(`([^0-9${LETTERS} \\t\\n\\v\\f\\r.'\`,\\-‘’])`, 'g');
const LETTER = new RegExp(`[${LETTERS}]`);

/** What a run of full stops is kept as, meanwhile. */
const DOTS = '\u0001';

/** Words before whose full stop a sentence goes on; of the last ones only before a number. */
export interface Prefixes {
  always: ReadonlySet<string>;
  beforeNumbers: ReadonlySet<string>;
}

/** The words of a text as METEOR compares them, in lower case. */
export function normalize(text: string, prefixes: Prefixes): string[] {
  let line = ` ${text} `.replace(OTHER, ' $1 ').replace(/\.\.+/g, (dots) => ` ${DOTS.repeat(dots.length)} `);
  for (const [pattern, put] of STEPS) line = line.replace(pattern, put);
  const words = line.split(/[ \t\n\r\f]+/).filter((word) => word !== '');
  return words
    .map((word, i) => fullStop(word, words[i + 1], prefixes))
    .join(' ')
    .replaceAll(DOTS, '.')
    .replace(/[\u00a0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000 ]+/g, ' ')
    .toLowerCase()
    .split(/[ \t\n\r\f]+/)
    .filter((word) => word !== '');
}

/** Takes the full stop off a word, unless it belongs to it. */
function fullStop(word: string, next: string | undefined, { always, beforeNumbers }: Prefixes): string {
  if (word.length < 2 || !word.endsWith('.')) return word;
  const before = word.slice(0, -1);
  if (before.includes('.') && LETTER.test(before)) return word.replaceAll('.', '');
  if (always.has(before) || (next !== undefined && /^[a-z]/.test(next))) return word;
  if (beforeNumbers.has(before) && next !== undefined && /^[0-9]/.test(next)) return word;
  return `${before} .`;
}
