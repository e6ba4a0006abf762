/**
 * CIDEr-D (Vedantam et al. 2015), which pycocoevalcap and the papers call CIDEr: similarity of TF-IDF vectors of n-grams,
 * n = 1..4, clipped, with a Gaussian penalty on the difference of lengths, times 10. The arithmetic is pycocoevalcap's:
 * raw counts as term frequencies, and length counted in bigrams.
 */
import { checkInput, type Tokens } from './input.js';
import { NgramTable, ORDER } from './ngrams.js';
import { meanScored, type Scored } from './scored.js';

/** Standard deviation of the length penalty, in bigrams. */
const SIGMA = 6;

/** In how many images' references each n-gram occurs: the same for every set of captions that is to be compared. */
export class DocumentFrequencies {
  readonly table = new NgramTable();
  private frequencies = new Int32Array(1 << 12);

  /** @param references of each image */
  constructor(references: Iterable<readonly Tokens[]>) {
    let images = 0;
    for (const captions of references) {
      images++;
      const seen = new Set<number>();
      for (const caption of captions) {
        for (const counts of this.table.count(caption)) for (const id of counts.keys()) seen.add(id);
      }
      if (this.table.size >= this.frequencies.length) {
        const larger = new Int32Array(2 * this.table.size);
        larger.set(this.frequencies);
        this.frequencies = larger;
      }
      for (const id of seen) this.frequencies[id]++;
    }
    this.images = images;
  }

  readonly images: number;

  /** log(images) - log(max(1, frequency)) of an n-gram of the table. */
  inverse(id: number): number {
    return Math.log(this.images) - Math.log(Math.max(1, this.frequencies[id] ?? 0));
  }
}

export interface CiderOptions {
  /** of the images, for error messages; default: their numbers */
  names?: readonly string[];
  /** Default: those of the references themselves; one image alone then scores 0. */
  frequencies?: DocumentFrequencies;
}

/**
 * @param hypotheses one tokenised caption for each image; the tokens may be ids
 * @param references one or more tokenised captions for each image
 * @returns scores in 0..10 (tables print them times 10 or 100); the corpus' is the mean over its images, and so is a
 * sample's: document frequencies stay those of the whole set
 * @throws UserError for an image without a reference
 */
export function ciderD(
  hypotheses: readonly Tokens[],
  references: readonly (readonly Tokens[])[],
  { names, frequencies = new DocumentFrequencies(references) }: CiderOptions = {},
): Scored {
  checkInput('CIDEr-D', hypotheses, references, names);
  // N-grams that are new here leave no trace in the frequencies.
  const table = new NgramTable(frequencies.table);
  let vectors: TfIdf[] = [];
  return meanScored(
    hypotheses.map((hypothesis, i) => {
      const own = vectorOf(hypothesis, table, frequencies);
      if (i === 0 || references[i] !== references[i - 1]) {
        vectors = references[i].map((reference) => vectorOf(reference, table, frequencies));
      }
      let sum = 0;
      for (const vector of vectors) sum += similarity(own, vector);
      return (10 * sum) / vectors.length;
    }),
  );
}

interface TfIdf {
  /** for n = 1..4 the weight of each n-gram by its number */
  weights: Map<number, number>[];
  norms: number[];
  bigrams: number;
}

function vectorOf(caption: Tokens, table: NgramTable, frequencies: DocumentFrequencies): TfIdf {
  const weights = table.count(caption);
  const norms = weights.map((counts) => {
    let squares = 0;
    for (const [id, count] of counts) {
      const weight = count * frequencies.inverse(id);
      counts.set(id, weight);
      squares += weight * weight;
    }
    return Math.sqrt(squares);
  });
  return { weights, norms, bigrams: Math.max(0, caption.length - 1) };
}

/** Mean over n of the clipped cosine, times the length penalty. */
function similarity(hypothesis: TfIdf, reference: TfIdf): number {
  let sum = 0;
  for (let n = 0; n < ORDER; n++) {
    let product = 0;
    for (const [id, weight] of hypothesis.weights[n]) {
      const other = reference.weights[n].get(id);
      if (other !== undefined) product += Math.min(weight, other) * other;
    }
    const norms = hypothesis.norms[n] * reference.norms[n];
    sum += norms === 0 ? product : product / norms;
  }
  const difference = hypothesis.bigrams - reference.bigrams;
  return (sum / ORDER) * Math.exp(-(difference ** 2) / (2 * SIGMA ** 2));
}
