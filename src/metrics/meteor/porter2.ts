/**
 * The English Snowball stemmer, "Porter2" (Porter 2001, snowballstem.org/algorithms/english/stemmer.html), as METEOR's jar
 * of 2014 has it. natural's stemmers are the older Porter's, and others.
 */

const VOWEL = /[aeiouy]/;
const DOUBLE = /(?:bb|dd|ff|gg|mm|nn|pp|rr|tt)$/;
/** Letters before which "li" is a suffix. */
const VALID_LI = /[cdeghkmnrt]$/;

const EXCEPTIONS: Record<string, string> = {
  skis: 'ski',
  skies: 'sky',
  dying: 'die',
  lying: 'lie',
  tying: 'tie',
  idly: 'idl',
  gently: 'gentl',
  ugly: 'ugli',
  early: 'earli',
  only: 'onli',
  singly: 'singl',
};
const UNCHANGED = new Set(['sky', 'news', 'howe', 'atlas', 'cosmos', 'bias', 'andes']);
/** Words that are done after step 1a. */
const DONE_EARLY = new Set('inning outing canning herring earring proceed exceed succeed'.split(' '));

/** Longest first: the longest suffix that a word ends in is the one that counts, whether or not it may go. */
const STEP_2: [string, string][] = [
  ['ization', 'ize'],
  ['ational', 'ate'],
  ['fulness', 'ful'],
  ['ousness', 'ous'],
  ['iveness', 'ive'],
  ['tional', 'tion'],
  ['biliti', 'ble'],
  ['lessli', 'less'],
  ['entli', 'ent'],
  ['ation', 'ate'],
  ['alism', 'al'],
  ['aliti', 'al'],
  ['ousli', 'ous'],
  ['iviti', 'ive'],
  ['fulli', 'ful'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['abli', 'able'],
  ['izer', 'ize'],
  ['ator', 'ate'],
  ['alli', 'al'],
  ['bli', 'ble'],
  ['ogi', 'og'],
  ['li', ''],
];
const STEP_3: [string, string][] = [
  ['ational', 'ate'],
  ['tional', 'tion'],
  ['alize', 'al'],
  ['icate', 'ic'],
  ['iciti', 'ic'],
  ['ative', ''],
  ['ical', 'ic'],
  ['ness', ''],
  ['ful', ''],
];
const STEP_4 = 'ement ance ence able ible ment ant ent ism ate iti ous ive ize ion al er ic'.split(' ');

/** The stem of a word in lower case. */
export function porter2(word: string): string {
  if (Object.hasOwn(EXCEPTIONS, word)) return EXCEPTIONS[word];
  if (UNCHANGED.has(word) || word.length < 3) return word;
  // A y that is a consonant is written Y meanwhile.
  let stem = word
    .replace(/^'/, '')
    .replace(/^y/, 'Y')
    .replace(/([aeiouy])y/g, '$1Y');
  const [first, second] = regions(stem);
  const in1 = (suffix: string) => stem.length - suffix.length >= first;
  const in2 = (suffix: string) => stem.length - suffix.length >= second;
  const cut = (suffix: string, put = '') => (stem = stem.slice(0, stem.length - suffix.length) + put);

  stem = stem.replace(/'s'$|'s$|'$/, '');
  stem = plural(stem);
  if (DONE_EARLY.has(stem)) return stem;

  const participle = /(?:eedly|ingly|edly|eed|ing|ed)$/.exec(stem)?.[0];
  if (participle?.startsWith('eed')) {
    if (in1(participle)) cut(participle, 'ee');
  } else if (participle && VOWEL.test(stem.slice(0, -participle.length))) {
    cut(participle);
    if (/(?:at|bl|iz)$/.test(stem)) stem += 'e';
    else if (DOUBLE.test(stem)) stem = stem.slice(0, -1);
    else if (first >= stem.length && endsInShortSyllable(stem)) stem += 'e';
  }
  stem = stem.replace(/(.[^aeiouy])[yY]$/, '$1i');

  const two = STEP_2.find(([suffix]) => stem.endsWith(suffix));
  if (two && in1(two[0])) {
    const [suffix, put] = two;
    const before = stem.slice(0, -suffix.length);
    if (suffix === 'ogi' ? before.endsWith('l') : suffix !== 'li' || VALID_LI.test(before)) cut(suffix, put);
  }
  const three = STEP_3.find(([suffix]) => stem.endsWith(suffix));
  if (three && in1(three[0]) && (three[0] !== 'ative' || in2('ative'))) cut(...three);

  const four = STEP_4.find((suffix) => stem.endsWith(suffix));
  if (four && in2(four) && (four !== 'ion' || /[st]ion$/.test(stem))) cut(four);

  if (stem.endsWith('e')) {
    if (in2('e') || (in1('e') && !endsInShortSyllable(stem.slice(0, -1)))) cut('e');
  } else if (stem.endsWith('ll') && in2('l')) cut('l');
  return stem.replaceAll('Y', 'y');
}

/** Where R1 and R2 begin: behind the first consonant that follows a vowel, and the same again from there. */
function regions(word: string): [number, number] {
  const after = (from: number) => {
    const match = /[aeiouy][^aeiouy]/.exec(word.slice(from));
    return match ? from + match.index + 2 : word.length;
  };
  const prefix = /^(?:gener|commun|arsen)/.exec(word);
  const first = prefix ? prefix[0].length : after(0);
  return [first, after(first)];
}

/** Step 1a. */
function plural(word: string): string {
  if (word.endsWith('sses')) return word.slice(0, -2);
  if (/ie[ds]$/.test(word)) return word.slice(0, word.length > 4 ? -2 : -1);
  if (/(?:us|ss)$/.test(word)) return word;
  // An s goes when a vowel stands before the letter in front of it.
  if (word.endsWith('s') && VOWEL.test(word.slice(0, -2))) return word.slice(0, -1);
  return word;
}

/** A vowel between two consonants of which the last is not w, x or Y; or a vowel that begins the word, and a consonant. */
function endsInShortSyllable(word: string): boolean {
  return /[^aeiouy][aeiouy][^aeiouywxY]$/.test(word) || /^[aeiouy][^aeiouy]$/.test(word);
}
