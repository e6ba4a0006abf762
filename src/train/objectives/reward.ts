/**
 * CIDEr-D as a reward: of captions against the training captions of their images, with document frequencies over all of
 * those. The end of a caption counts as a word, else captions that break off ("a dog runs with a") would pay (Rennie et
 * al. 2017, section 4).
 */
import type { CaptionedImage } from '../../data/index.js';
import { ciderD, DocumentFrequencies } from '../../metrics/index.js';

/** No tokenizer makes it. */
const END = '<eos>';

export class CiderReward {
  private readonly references: ReadonlyMap<string, string[][]>;
  private readonly frequencies: DocumentFrequencies;

  /** @param tokens of a caption */
  constructor(images: readonly CaptionedImage[], tokens: (caption: string) => string[]) {
    this.references = new Map(
      images.map(({ image, captions }) => [image, captions.map((caption) => [...tokens(caption), END])]),
    );
    this.frequencies = new DocumentFrequencies([...this.references.values()]);
  }

  /**
   * CIDEr-D of each caption, 0..10; fastest where the captions of an image stand together.
   * @param captions their words, and whether they ended
   */
  of(captions: readonly { image: string; words: readonly string[]; finished: boolean }[]): number[] {
    const hypotheses = captions.map(({ words, finished }) => (finished ? [...words, END] : words));
    const references = captions.map(({ image }) => this.references.get(image)!);
    return ciderD(hypotheses, references, { frequencies: this.frequencies }).perImage;
  }
}
