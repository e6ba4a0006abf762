/**
 * CIDEr-D as a reward: of captions against the training captions of their images, with document frequencies over those. The
 * end of a caption counts as a word, else captions that break off ("a dog runs with a") would pay (Rennie et al. 2017,
 * section 4). Memory holds the frequencies and about 20 bytes an image.
 */
import { NameIndex, type CaptionedImages } from '../../data/index.js';
import { ciderD, DocumentFrequencies } from '../../metrics/index.js';

/** No tokenizer makes it. */
const END = '<eos>';

/**
 * Images that the document frequencies are counted over at most: as many as COCO's, with which CIDEr-D is usually computed.
 * Their n-grams take about 30 bytes each; those of more images would take gigabytes and hardly change a frequency.
 */
const COUNTED = 125_000;

export class CiderReward {
  private readonly numbers: NameIndex;
  private readonly frequencies: DocumentFrequencies;

  /**
   * @param tokens of a caption
   * @param counted images that document frequencies are counted over at most, evenly spread
   */
  constructor(
    private readonly images: CaptionedImages,
    private readonly tokens: (caption: string) => string[],
    counted = COUNTED,
  ) {
    this.numbers = new NameIndex(images.length);
    for (const image of images.imageNames()) this.numbers.add(image);
    this.frequencies = new DocumentFrequencies(this.sample(Math.ceil(images.length / counted)));
  }

  /**
   * CIDEr-D of each caption, 0..10; fastest where the captions of an image stand together.
   * @param captions their words, and whether they ended
   */
  of(captions: readonly { image: string; words: readonly string[]; finished: boolean }[]): number[] {
    const hypotheses = captions.map(({ words, finished }) => (finished ? [...words, END] : words));
    const known = new Map<string, string[][]>();
    const references = captions.map(({ image }) => {
      let own = known.get(image);
      if (!own) known.set(image, (own = this.references(this.numbers.find(image))));
      return own;
    });
    return ciderD(hypotheses, references, { frequencies: this.frequencies }).perImage;
  }

  private *sample(step: number): Generator<string[][]> {
    for (let image = 0; image < this.images.length; image += step) yield this.references(image);
  }

  private references(image: number): string[][] {
    return this.images.captionsOf(image).map((caption) => [...this.tokens(caption), END]);
  }
}
