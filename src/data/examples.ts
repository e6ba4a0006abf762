/** Captions as ids. */
import type { TextConfig } from '../config/index.js';
import type { Log } from '../core/index.js';
import { tokenize } from './tokenize.js';
import { EOS, UNK, type Vocabulary } from './vocabulary.js';

/** The captions that are trained on, by number: those of an image stand together. */
export interface Examples {
  /** (images): number of each image's first caption, rising */
  readonly first: Int32Array;
  /** (images): captions of each image; 0 where it has none, or cannot be used */
  readonly counts: Int32Array;
  /** File name of an image, relative to the image folder. */
  name(image: number): string;
  /** The ids of a caption's words, then EOS - unless the caption was cut, for it has not ended there. */
  targets(caption: number): number[];
}

/**
 * Encodes captions, of which those longer than `maxWords` are cut and those without a token dropped, and counts both.
 */
export class CaptionEncoder {
  private cut = 0;
  private empty = 0;
  private firstEmpty = '';
  private bare = 0;
  private tokens = 0;
  private known = 0;

  constructor(
    private readonly vocabulary: Vocabulary,
    private readonly text: Pick<TextConfig, 'tokenizer' | 'maxWords'>,
  ) {}

  /** Targets of those captions of an image that have a token. */
  encode(image: string, captions: readonly string[]): number[][] {
    const targets: number[][] = [];
    for (const caption of captions) {
      const ids = this.vocabulary.encode(tokenize(caption, this.text.tokenizer));
      this.tokens += ids.length;
      for (const id of ids) if (id !== UNK) this.known++;
      if (ids.length === 0) {
        if (this.empty++ === 0) this.firstEmpty = `${JSON.stringify(caption)} of ${image}`;
      } else if (ids.length > this.text.maxWords) {
        this.cut++;
        targets.push(ids.slice(0, this.text.maxWords));
      } else targets.push([...ids, EOS]);
    }
    if (targets.length === 0) this.bare++;
    return targets;
  }

  /** Share of the tokens so far that the vocabulary holds; 1 when there is none. */
  get coverage(): number {
    return this.tokens === 0 ? 1 : this.known / this.tokens;
  }

  /** Tells what was dropped and cut. */
  report(log: Log): void {
    if (this.empty > 0) {
      log.warn(
        `${this.empty} captions have no word for the tokenizer "${this.text.tokenizer}" and are left out, first ` +
          this.firstEmpty +
          (this.bare > 0 ? `; ${this.bare} images have no caption left.` : '.'),
      );
    }
    if (this.cut > 0)
      log.info(`${this.cut} captions are longer than ${this.text.maxWords} words and were cut.`);
  }
}
