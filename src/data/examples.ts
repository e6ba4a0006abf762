/** Captions as ids. */
import type { TextConfig } from '../config/index.js';
import { silentLog, type Log } from '../core/index.js';
import type { CaptionedImage } from './dataset.js';
import { tokenize } from './tokenize.js';
import { EOS, type Vocabulary } from './vocabulary.js';

export interface EncodedImage {
  image: string;
  /** Targets of each caption: its words' ids, then EOS - unless the caption was cut, for it has not ended there. */
  captions: number[][];
}

/**
 * Tokenizes and encodes a split. Captions longer than `maxWords` are cut; captions without a token are dropped,
 * as is an image left without captions, and counted in the log.
 */
export function encodeExamples(
  split: readonly CaptionedImage[],
  vocabulary: Vocabulary,
  text: Pick<TextConfig, 'tokenizer' | 'maxWords'>,
  log: Log = silentLog,
): EncodedImage[] {
  let cut = 0;
  let empty = 0;
  let firstEmpty = '';
  const encoded: EncodedImage[] = [];
  for (const { image, captions } of split) {
    const targets: number[][] = [];
    for (const caption of captions) {
      const ids = vocabulary.encode(tokenize(caption, text.tokenizer));
      if (ids.length === 0) {
        if (empty++ === 0) firstEmpty = `${JSON.stringify(caption)} of ${image}`;
      } else if (ids.length > text.maxWords) {
        cut++;
        targets.push(ids.slice(0, text.maxWords));
      } else targets.push([...ids, EOS]);
    }
    if (targets.length > 0) encoded.push({ image, captions: targets });
  }
  if (empty > 0) {
    log.warn(
      `${empty} captions have no word for the tokenizer "${text.tokenizer}" and are left out, first ${firstEmpty}` +
        (encoded.length < split.length
          ? `; ${split.length - encoded.length} images have no caption left.`
          : '.'),
    );
  }
  if (cut > 0) log.info(`${cut} captions are longer than ${text.maxWords} words and were cut.`);
  return encoded;
}
