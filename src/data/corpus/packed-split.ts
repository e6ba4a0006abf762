/** The images of a split and their captions, read from a pack when they are asked for. */
import type { Examples } from '../examples.js';
import type { CaptionedImage } from '../readers/index.js';
import type { Pack, PackedList, PackWriter } from '../pack.js';

/** Images with their captions, of which not all need be in memory. */
export interface CaptionedImages {
  /** images */
  readonly length: number;
  imageNames(): Iterable<string>;
  /** Captions of an image by its number, from 0. */
  captionsOf(image: number): string[];
}

const utf8 = (text: string) => Buffer.from(text);

export class PackedSplit implements CaptionedImages {
  private readonly names: PackedList;
  private readonly texts: PackedList;
  private begin: Int32Array | undefined;

  /** @param used rising numbers of the images that count; null: all of them */
  constructor(
    private readonly pack: Pack,
    private readonly split: string,
    readonly used: Int32Array | null = null,
  ) {
    this.names = pack.list(`${split}.names`);
    this.texts = pack.list(`${split}.captions`);
  }

  static write(writer: PackWriter, split: string, images: readonly CaptionedImage[]): void {
    const begin = new Int32Array(images.length + 1);
    images.forEach(({ captions }, i) => (begin[i + 1] = begin[i] + captions.length));
    const names = function* () {
      for (const { image } of images) yield utf8(image);
    };
    const texts = function* () {
      for (const { captions } of images) yield* captions.map(utf8);
    };
    writer.list(`${split}.names`, names());
    writer.list(`${split}.captions`, texts());
    writer.numbers(`${split}.begin`, begin);
  }

  /** Those images that can be used, and the names of the others. */
  only(usable: (image: string) => boolean): { kept: PackedSplit; others: string[] } {
    const others: string[] = [];
    for (const name of this.imageNames()) if (!usable(name)) others.push(name);
    if (others.length === 0) return { kept: this, others };
    const used = new Int32Array(this.length - others.length);
    const left = new Set(others);
    let number = 0;
    let kept = 0;
    for (const name of this.imageNames()) {
      if (!left.has(name)) used[kept++] = this.numberOf(number);
      number++;
    }
    return { kept: new PackedSplit(this.pack, this.split, used), others };
  }

  get length(): number {
    return this.used?.length ?? this.names.length;
  }

  /** captions of all images */
  get captions(): number {
    if (this.used === null) return this.texts.length;
    const begin = this.begins();
    return this.used.reduce((sum, image) => sum + begin[image + 1] - begin[image], 0);
  }

  name(image: number): string {
    return this.names.at(this.numberOf(image)).toString();
  }

  captionsOf(image: number): string[] {
    const [begin, number] = [this.begins(), this.numberOf(image)];
    return this.texts.range(begin[number], begin[number + 1]).map(String);
  }

  *imageNames(): Generator<string> {
    if (this.used) for (let image = 0; image < this.length; image++) yield this.name(image);
    else for (const name of this.names) yield name.toString();
  }

  *[Symbol.iterator](): Generator<CaptionedImage> {
    let number = 0;
    for (const image of this.imageNames()) yield { image, captions: this.captionsOf(number++) };
  }

  private numberOf(image: number): number {
    return this.used ? this.used[image] : image;
  }

  /** (images + 1): of the pack; four bytes an image, only where somebody asks. */
  private begins(): Int32Array {
    return (this.begin ??= this.pack.int32(`${this.split}.begin`));
  }
}

/** What is trained on, as it lies in a pack. Memory holds eight bytes an image. */
export class PackedExamples implements Examples {
  readonly first: Int32Array;
  readonly counts: Int32Array;
  private readonly ids: PackedList;

  constructor(
    pack: Pack,
    private readonly split: PackedSplit,
  ) {
    const first = pack.int32('examples.first');
    const counts = pack.int32('examples.counts');
    this.first = split.used?.map((image) => first[image]) ?? first;
    this.counts = split.used?.map((image) => counts[image]) ?? counts;
    this.ids = pack.list('examples.targets');
  }

  /** @param encode targets of the captions of an image */
  static write(
    writer: PackWriter,
    images: readonly CaptionedImage[],
    encode: (image: CaptionedImage) => number[][],
  ): void {
    const first = new Int32Array(images.length);
    const counts = new Int32Array(images.length);
    let captions = 0;
    const all = function* () {
      for (const [i, image] of images.entries()) {
        const encoded = encode(image);
        first[i] = captions;
        counts[i] = encoded.length;
        captions += encoded.length;
        for (const ids of encoded) yield new Uint8Array(Int32Array.from(ids).buffer);
      }
    };
    writer.list('examples.targets', all());
    writer.numbers('examples.first', first);
    writer.numbers('examples.counts', counts);
  }

  name(image: number): string {
    return this.split.name(image);
  }

  targets(caption: number): number[] {
    return numbersOf(this.ids.at(caption));
  }

  /** All images that have captions, with these. */
  *listed(): Generator<{ image: string; captions: number[][] }> {
    let number = 0;
    for (const image of this.split.imageNames()) {
      const [start, count] = [this.first[number], this.counts[number]];
      number++;
      if (count > 0) yield { image, captions: this.ids.range(start, start + count).map(numbersOf) };
    }
  }
}

/** Copied, for an item may begin at any byte. */
function numbersOf(bytes: Buffer): number[] {
  return [...new Int32Array(Uint8Array.from(bytes).buffer)];
}
