/** How captions are searched for: what may be asked, what it means by default, and what does not fit together. */
import { UserError } from '../../core/index.js';

export const strategies = ['greedy', 'beam', 'diverse-beam', 'sample'] as const;
export type Strategy = (typeof strategies)[number];
export const lengthPenalties = ['none', 'average', 'wu'] as const;
export type LengthPenalty = (typeof lengthPenalties)[number];

/** A search without the words it bans or begins with; plain data. */
export interface SearchOptions {
  /** Default: `beam` where `beam` is above 1, else `greedy`. */
  strategy?: Strategy;
  /** Hypotheses kept for each image: 3 by default with `beam`, 6 with `diverse-beam`. A beam of 1 is greedy search. */
  beam?: number;
  /** Of `diverse-beam`: groups that the beam is divided into, 3 by default. */
  groups?: number;
  /** Of `diverse-beam`: what a word costs for each hypothesis of an earlier group that takes it in the same step, nats; 0.5 by default. */
  diversity?: number;
  /** Of `sample`: divides the logits; below 1 likely words become likelier. 1 by default. */
  temperature?: number;
  /** Of `sample`: draw among this many of the likeliest words only. */
  topK?: number;
  /** Of `sample`: draw among the fewest likeliest words whose probabilities reach this sum (Holtzman et al. 2020), in (0, 1]. */
  topP?: number;
  /** Of `sample`: 32-bit integer that decides what is drawn, 1 by default. */
  seed?: number;
  /** Of beams: how captions of different lengths are compared, see {@link rankingScore}; `none` by default. */
  lengthPenalty?: LengthPenalty;
  /** Of `wu`: its exponent alpha, 0.65 by default (Wu et al. 2016 found 0.6 to 0.7 best). */
  wuAlpha?: number;
  /** Fewest words of a caption, 0 by default. */
  minWords?: number;
  /** Most words of a caption, 30 by default. */
  maxWords?: number;
  /** No n-gram of this many words occurs twice in a caption; 1 forbids every repeated word. */
  blockNgrams?: number;
  /** Whether `<unk>` may be a word of a caption; false by default: the next likely word takes its place. */
  unknownWords?: boolean;
  /** Captions returned for each image, best first, 1 by default: at most `beam`, or as many as are to be sampled. */
  captions?: number;
}

/** A search with every choice made; null: not limited. */
export interface Search {
  strategy: Strategy;
  beam: number;
  groups: number;
  diversity: number;
  temperature: number;
  topK: number | null;
  topP: number | null;
  seed: number;
  lengthPenalty: LengthPenalty;
  wuAlpha: number;
  minWords: number;
  maxWords: number;
  blockNgrams: number | null;
  unknownWords: boolean;
  captions: number;
}

/** Which strategies know an option; all know the others. */
const knownBy: Partial<Record<keyof SearchOptions, readonly Strategy[]>> = {
  groups: ['diverse-beam'],
  diversity: ['diverse-beam'],
  temperature: ['sample'],
  topK: ['sample'],
  topP: ['sample'],
  seed: ['sample'],
  lengthPenalty: ['beam', 'diverse-beam'],
  wuAlpha: ['beam', 'diverse-beam'],
};

/** @throws UserError for a value out of range, or options that do not fit together */
export function resolveSearch(options: SearchOptions = {}): Search {
  const strategy = options.strategy ?? ((options.beam ?? 1) > 1 ? 'beam' : 'greedy');
  if (!strategies.includes(strategy)) {
    throw new UserError(`strategy is ${String(strategy)}; it must be one of ${strategies.join(', ')}.`);
  }
  for (const [name, value] of Object.entries(options)) {
    const known = knownBy[name as keyof SearchOptions];
    if (value === undefined || !known || known.includes(strategy)) continue;
    throw new UserError(`${name} does not go with the strategy ${strategy}.`, {
      hint: `It belongs to ${known.join(' and ')}.`,
    });
  }
  const beams = strategy === 'beam' || strategy === 'diverse-beam';
  const defaultBeam = { greedy: 1, sample: 1, beam: 3, 'diverse-beam': 6 }[strategy];
  const search: Search = {
    strategy,
    beam: whole('beam', options.beam ?? defaultBeam),
    groups: whole('groups', options.groups ?? (strategy === 'diverse-beam' ? 3 : 1)),
    diversity: atLeast('diversity', options.diversity ?? 0.5, 0),
    temperature: above('temperature', options.temperature ?? 1, 0),
    topK: options.topK === undefined ? null : whole('topK', options.topK),
    topP: options.topP === undefined ? null : atMost('topP', above('topP', options.topP, 0), 1),
    seed: whole('seed', options.seed ?? 1, 0),
    lengthPenalty: options.lengthPenalty ?? 'none',
    wuAlpha: above('wuAlpha', options.wuAlpha ?? 0.65, 0),
    minWords: whole('minWords', options.minWords ?? 0, 0),
    maxWords: whole('maxWords', options.maxWords ?? 30),
    blockNgrams: options.blockNgrams === undefined ? null : whole('blockNgrams', options.blockNgrams),
    unknownWords: options.unknownWords ?? false,
    captions: whole('captions', options.captions ?? 1),
  };
  if (!lengthPenalties.includes(search.lengthPenalty)) {
    throw new UserError(
      `lengthPenalty is ${search.lengthPenalty}; it must be one of ${lengthPenalties.join(', ')}.`,
    );
  }
  if (!beams && search.beam > 1) {
    throw new UserError(`beam is ${search.beam}, but the strategy ${strategy} keeps no beam.`, {
      hint: 'Leave one of them out.',
    });
  }
  if (search.minWords > search.maxWords) {
    throw new UserError(`minWords is ${search.minWords}, more than maxWords, ${search.maxWords}.`);
  }
  if (options.wuAlpha !== undefined && search.lengthPenalty !== 'wu') {
    throw new UserError('wuAlpha belongs to the length penalty wu, which is not asked for.');
  }
  if (search.beam % search.groups !== 0) {
    throw new UserError(
      `a beam of ${search.beam} cannot be divided into ${search.groups} groups of one size.`,
      {
        hint: 'Make beam a multiple of groups.',
      },
    );
  }
  if (search.captions > search.beam && strategy !== 'sample') {
    throw new UserError(
      `captions is ${search.captions}, but a beam of ${search.beam} finds at most ${search.beam} for an image.`,
      { hint: 'Raise beam, or ask for fewer captions.' },
    );
  }
  return search;
}

/** One line for people, as in "beam 3, average length penalty, at most 30 words". */
export function describeSearch(search: Search): string {
  const { strategy, beam, groups, lengthPenalty, topK, topP, minWords, maxWords, blockNgrams } = search;
  const parts = {
    greedy: ['greedy'],
    beam: [beam === 1 ? 'greedy' : `beam ${beam}`],
    'diverse-beam': [`beam ${beam} in ${groups} groups, diversity ${search.diversity}`],
    sample: [`sampled, temperature ${search.temperature}`],
  }[strategy];
  if (topK !== null) parts.push(`top ${topK} words`);
  if (topP !== null) parts.push(`top ${topP} of the probability`);
  if (strategy === 'sample') parts.push(`seed ${search.seed}`);
  if (lengthPenalty === 'average') parts.push('mean log-probability of a word');
  if (lengthPenalty === 'wu') parts.push(`length penalty of Wu et al., alpha ${search.wuAlpha}`);
  if (minWords > 0) parts.push(`at least ${minWords} words`);
  parts.push(`at most ${maxWords} words`);
  if (blockNgrams === 1) parts.push('no word twice');
  if (blockNgrams !== null && blockNgrams > 1) parts.push(`no ${blockNgrams}-gram twice`);
  if (search.unknownWords) parts.push('<unk> allowed');
  return parts.join(', ');
}

function whole(name: string, value: number, least = 1): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new UserError(`${name} is ${value}; it must be an integer of ${least} or more.`);
}

function above(name: string, value: number, limit: number): number {
  if (Number.isFinite(value) && value > limit) return value;
  throw new UserError(`${name} is ${value}; it must be a number above ${limit}.`);
}

function atLeast(name: string, value: number, least: number): number {
  if (Number.isFinite(value) && value >= least) return value;
  throw new UserError(`${name} is ${value}; it must be a number of ${least} or more.`);
}

function atMost(name: string, value: number, most: number): number {
  if (value <= most) return value;
  throw new UserError(`${name} is ${value}; it must be at most ${most}.`);
}
