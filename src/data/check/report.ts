/** What a check of a data set finds: plain data, which is written as JSON, as text and as a page. */
import type { Config } from '../../config/index.js';
import type { SplitName } from '../readers/index.js';

/** error: a training would end, or not begin; warning: it would run, and be worse; note: good to know. */
export type Severity = 'error' | 'warning' | 'note';

export type FindingKind =
  | 'settings'
  | 'unreadable-file'
  | 'invalid-utf8'
  | 'listed-again'
  | 'missing-image'
  | 'truncated-image'
  | 'corrupt-image'
  | 'oversize-image'
  | 'no-image-left'
  | 'shared-name'
  | 'shared-content'
  | 'shared-look'
  | 'duplicate'
  | 'near-duplicate'
  | 'large-image'
  | 'small-image'
  | 'empty-caption'
  | 'repeated-caption'
  | 'long-caption'
  | 'few-captions'
  | 'mojibake'
  | 'replacement-character'
  | 'control-character'
  | 'empty-vocabulary';

export interface FindingItem {
  text: string;
  /** Images that the item compares. */
  images?: string[];
}

export interface Finding {
  kind: FindingKind;
  severity: Severity;
  /** How many there are; `items` holds the first {@link MAX_ITEMS}. */
  count: number;
  /** One sentence with the count. */
  message: string;
  items: FindingItem[];
}

/** Items kept of one finding. */
export const MAX_ITEMS = 1000;

export interface SplitReport {
  images: number;
  captions: number;
  /** Captions of an image: how many images have how many. */
  captionsPerImage: Record<number, number>;
  /** How many captions have n words, by n. */
  lengths: number[];
  /** Words of a caption. */
  words: { mean: number; median: number; p95: number; most: number };
  /** All words, and different ones. */
  tokens: number;
  types: number;
  /** Share of the words that the vocabulary holds; null: there is none. */
  covered: number | null;
  /** The most frequent words outside of it, with their counts. */
  unknown: [word: string, count: number][];
}

export interface CheckReport {
  format: 'showtell-data-check';
  version: 1;
  /** Whether a training would end, or not begin. */
  stops: boolean;
  name: string;
  data: Config['data'];
  text: Config['text'];
  splits: Partial<Record<SplitName, SplitReport>>;
  /** Of the training captions; size with the four special words. */
  vocabulary: { size: number; minCount: number; types: number } | null;
  images: {
    checked: number;
    usable: number;
    /** of all files */
    bytes: number;
    /** [least, median, most], in pixels */
    width: [number, number, number] | null;
    height: [number, number, number] | null;
    /** Bits of 128 in which near-duplicates may differ. */
    nearBits: number;
  };
  findings: Finding[];
}

/** Collects what is found. */
export class Findings {
  readonly list: Finding[] = [];

  /** Adds one, unless there is no item. @param message gets the count */
  add(
    kind: FindingKind,
    severity: Severity,
    items: readonly (string | FindingItem)[],
    message: (count: string) => string,
  ): void {
    if (items.length === 0) return;
    this.list.push({
      kind,
      severity,
      count: items.length,
      message: message(items.length.toLocaleString('en')),
      items: items.slice(0, MAX_ITEMS).map((item) => (typeof item === 'string' ? { text: item } : item)),
    });
  }

  /** The worst first. */
  sorted(): Finding[] {
    const order: Severity[] = ['error', 'warning', 'note'];
    return this.list.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  }
}
