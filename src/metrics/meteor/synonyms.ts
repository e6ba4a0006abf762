/** WordNet's sets of synonyms, by word and by the base forms of a word. */

/** Endings that a word is tried without, and what takes their place: WordNet's rules of detachment. */
const ENDINGS: [string, string][] = [
  ['s', ''],
  ['ses', 's'],
  ['xes', 'x'],
  ['zes', 'z'],
  ['ches', 'ch'],
  ['shes', 'sh'],
  ['men', 'man'],
  ['ies', 'y'],
  ['s', ''],
  ['ies', 'y'],
  ['es', 'e'],
  ['es', ''],
  ['ed', 'e'],
  ['ed', ''],
  ['ing', 'e'],
  ['ing', ''],
  ['er', ''],
  ['est', ''],
  ['er', 'e'],
  ['est', 'e'],
];

export class Synonyms {
  /** Set numbers of a word, as one string; split when they are asked for. */
  private readonly sets = new Map<string, string>();
  private readonly bases = new Map<string, string[]>();
  private readonly found = new Map<string, ReadonlySet<string>>();

  /**
   * @param sets lines in pairs: a word, the numbers of its sets
   * @param exceptions lines in pairs: a base form, its irregular forms
   */
  constructor(sets: string, exceptions: string) {
    for (const [word, numbers] of pairs(sets)) this.sets.set(word, numbers);
    for (const [base, forms] of pairs(exceptions)) {
      for (const form of fields(forms)) {
        const known = this.bases.get(form);
        if (known) known.push(base);
        else this.bases.set(form, [base]);
      }
    }
  }

  /** The sets that a word or one of its base forms is in. */
  setsOf(word: string): ReadonlySet<string> {
    let sets = this.found.get(word);
    if (!sets) {
      const forms = [word, ...(this.bases.get(word) ?? [this.detached(word)])];
      sets = new Set(forms.flatMap((form) => fields(this.sets.get(form) ?? '')));
      this.found.set(word, sets);
    }
    return sets;
  }

  /** The first form without an ending that WordNet has; the word itself if it is too short, nothing if there is none. */
  private detached(word: string): string {
    if (word.endsWith('ss') || word.length <= 2) return word;
    const tail = word.endsWith('ful') ? 'ful' : '';
    for (const [ending, put] of ENDINGS) {
      if (!word.endsWith(ending)) continue;
      const form = word.slice(0, word.length - ending.length) + put;
      if (this.sets.has(form)) return form + tail;
    }
    return '';
  }
}

function* pairs(text: string): Generator<[string, string]> {
  const lines = text.split('\n');
  for (let i = 0; i + 1 < lines.length; i += 2) yield [lines[i], lines[i + 1]];
}

const fields = (text: string) => text.split(' ').filter((field) => field !== '');
