/** Where `showtell caption --attention FILE` writes, by the ending of the name. */
import { basename, extname, format, parse, resolve } from 'node:path';
import { UserError, writeFileAtomic } from '../core/index.js';
import {
  attentionJson,
  attentionPage,
  attentionPicture,
  type AttendedCaption,
  type AttentionJson,
  type PageImage,
} from '../infer/index.js';
import { checkOutput } from './options.js';

export interface AttentionOutput {
  /** Takes the best caption of one image. */
  add(image: string, caption: AttendedCaption): Promise<void>;
  /** Writes what goes into one file, if any image was captioned. */
  end(): Promise<void>;
}

/** Images that one page holds: at about 100 KB each, what a browser still opens. */
const PAGE_IMAGES = 500;

/**
 * @param path `.png`: a picture of each image, with several images the name of each is added; `.html`: one page;
 *   `.json`: one array with an object of each image that was captioned
 * @param images that will be captioned
 * @param alone whether the path itself names the only picture
 * @throws UserError for another ending, a folder, or a name that would overwrite an image
 */
export function attentionOutput(path: string, images: readonly string[], alone: boolean): AttentionOutput {
  const inputs = new Set(images.map((image) => resolve(image)));
  if (inputs.has(resolve(path))) {
    throw new UserError(`--attention ${path} would overwrite an image that is to be captioned`);
  }
  checkOutput('attention', path);
  const ending = extname(path).toLowerCase();
  if (ending === '.png') return pictures(path, inputs, alone);
  if (ending === '.json') return json(path);
  if (ending === '.html') {
    if (images.length <= PAGE_IMAGES) return page(path);
    throw new UserError(`a page holds at most ${PAGE_IMAGES} images, not ${images.length}`, {
      hint: 'caption fewer at a time, or write .json or .png',
    });
  }
  throw new UserError(`--attention ${path} does not end in .png, .html or .json`, {
    hint: 'a picture, an animated page, or the weights as data',
  });
}

function pictures(output: string, inputs: ReadonlySet<string>, alone: boolean): AttentionOutput {
  const taken = new Set(inputs);
  return {
    async add(image, caption) {
      const path = alone ? output : pathFor(output, image, taken);
      writeFileAtomic(path, await attentionPicture(image, caption));
    },
    async end() {},
  };
}

function page(path: string): AttentionOutput {
  const images: PageImage[] = [];
  return {
    async add(image, caption) {
      images.push({ name: basename(image), image, caption });
    },
    async end() {
      if (images.length > 0) writeFileAtomic(path, await attentionPage(images));
    },
  };
}

function json(path: string): AttentionOutput {
  const objects: (AttentionJson & { image: string })[] = [];
  return {
    async add(image, caption) {
      objects.push({ image, ...attentionJson(caption) });
    },
    async end() {
      if (objects.length === 0) return;
      writeFileAtomic(path, `[\n${objects.map((object) => JSON.stringify(object)).join(',\n')}\n]\n`);
    },
  };
}

/** `OUT.png` and `dir/photo.jpg` give `OUT-photo.png`; where that name is taken, `OUT-photo-2.png`. */
function pathFor(output: string, image: string, taken: Set<string>): string {
  const { dir, name, ext } = parse(output);
  const base = `${name}-${basename(image, extname(image))}`;
  let path = format({ dir, name: base, ext });
  for (let n = 2; taken.has(resolve(path)); n++) path = format({ dir, name: `${base}-${n}`, ext });
  taken.add(resolve(path));
  return path;
}
