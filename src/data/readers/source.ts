/** The captions of a config, cut into splits: by lists, by one file a split, or by what the file itself says. */
import { captionFilesOf, type DataConfig } from '../../config/index.js';
import { UserError, type Log } from '../../core/index.js';
import { badLinesError } from '../text-file.js';
import { findMetadata } from './imagefolder.js';
import { splitNames, type CaptionRecords, type CaptionsByImage, type SplitName } from './reader.js';
import { captionReaders, readRecords } from './records.js';
import { readSplitList } from './split-list.js';

export interface CaptionedImage {
  /** file name relative to the image folder */
  image: string;
  captions: string[];
}

interface CaptionFile {
  file: string;
  /** What its image names begin with, relative to the image folder. */
  prefix: string;
  /** Whose images it holds; undefined: those of several. */
  split?: SplitName;
}

/** Finds the files that a config names; each is read when it is first needed. @throws UserError */
export async function openCaptions(config: DataConfig): Promise<CaptionSource> {
  const files: CaptionFile[] =
    config.format === 'imagefolder'
      ? await findMetadata(config.images)
      : captionFilesOf(config).map((each) => ({ ...each, prefix: '' }));
  return new CaptionSource(config, files);
}

export class CaptionSource {
  private toldOfOthers = false;
  private readonly read = new Map<CaptionFile, Promise<CaptionRecords>>();

  constructor(
    private readonly config: DataConfig,
    private readonly files: readonly CaptionFile[],
  ) {}

  /** Which splits the config or its files name. */
  async splits(): Promise<SplitName[]> {
    const own = new Set<SplitName>();
    for (const name of splitNames) {
      const named = this.config.splits?.[name] ?? this.files.find(({ split }) => split === name);
      if (named !== undefined || (await this.ownImages(name)).length > 0) own.add(name);
    }
    return splitNames.filter((name) => own.has(name));
  }

  /** The images of a split with their captions, each once, whether on disk or not. @throws UserError */
  async split(name: SplitName, log: Log): Promise<CaptionedImage[]> {
    const list = this.config.splits?.[name];
    const images = list === undefined ? await this.ownImages(name) : await this.listed(list, log);
    if (images.length === 0) throw this.noSplit(name);
    if (list === undefined) await this.tellOfOthers(log);
    const { place } = captionReaders[this.config.format];
    if (!place) return images;
    const names = await place(
      images.map(({ image }) => image),
      this.config.images,
    );
    return images.map(({ captions }, i) => ({ image: names[i], captions }));
  }

  private records(file: CaptionFile): Promise<CaptionRecords> {
    let records = this.read.get(file);
    if (!records) {
      records = readRecords(file.file, this.config.format).then((read) => withPrefix(read, file.prefix));
      this.read.set(file, records);
    }
    return records;
  }

  /** The images that the files say to be a split's. */
  private async ownImages(name: SplitName): Promise<CaptionedImage[]> {
    const own = this.files.filter(({ split }) => split === name);
    const images: CaptionedImage[] = [];
    for (const file of own.length > 0 ? own : this.files.filter(({ split }) => split === undefined)) {
      const { captions, splits } = await this.records(file);
      const foreign = file.split === undefined ? [] : [...(splits ?? [])].filter(([, own]) => own !== name);
      if (foreign.length > 0) {
        const [[image, own]] = foreign;
        throw new UserError(
          `${foreign.length} images of ${file.file} are of other splits than ${name}, as ${image} of ${own}.`,
          { hint: 'The file says itself what is in which split: name it once, as data.captions: FILE.' },
        );
      }
      for (const [image, texts] of captions) {
        if (file.split === name || splits?.get(image) === name) images.push({ image, captions: texts });
      }
    }
    return images;
  }

  /** Says, once, that images are in no split: nothing is left out in silence. */
  private async tellOfOthers(log: Log): Promise<void> {
    if (this.toldOfOthers) return;
    this.toldOfOthers = true;
    const others: string[] = [];
    for (const file of this.files) {
      const { captions, splits } = await this.records(file);
      if (splits) others.push(...[...captions.keys()].filter((image) => !splits.has(image)));
    }
    if (others.length > 0) {
      log.warn(`${others.length} images of ${this.fileNames} are in the folder of no split, as ${others[0]}`);
    }
  }

  /** The images of a split list with their captions. */
  private async listed(file: string, log: Log): Promise<CaptionedImage[]> {
    const captions: CaptionsByImage = new Map();
    for (const each of this.files) {
      for (const [image, texts] of (await this.records(each)).captions) {
        captions.set(image, [...(captions.get(image) ?? []), ...texts]);
      }
    }
    const names = await readSplitList(file);
    const withoutCaptions = names.filter(({ image }) => !captions.has(image));
    if (withoutCaptions.length > 0) {
      throw badLinesError(
        file,
        withoutCaptions.map(({ image, line }) => ({ line, why: `${image} has no caption` })),
        `of ${names.length} images of the split list have no caption in ${this.fileNames}`,
        'List only images of the captions file, one name a line, spelt as there.',
      );
    }
    const first = new Map<string, number>();
    const repeated = names.filter(({ image, line }) => {
      if (first.has(image)) return true;
      first.set(image, line);
      return false;
    });
    if (repeated.length > 0) {
      const { image, line } = repeated[0];
      log.warn(
        `${file}: ${repeated.length} names are listed again and counted once ` +
          `(${image} in lines ${first.get(image)} and ${line}).`,
      );
    }
    return [...first.keys()].map((image) => ({ image, captions: captions.get(image) ?? [] }));
  }

  /** Every text file that is read: captions and lists. */
  get textFiles(): string[] {
    const lists = Object.values(this.config.splits ?? {}).filter((file) => file !== undefined);
    return [...this.files.map(({ file }) => file), ...lists];
  }

  private get fileNames(): string {
    return this.files.map(({ file }) => file).join(', ');
  }

  private noSplit(name: SplitName): UserError {
    const list = `Set data.splits.${name} to a file that lists one image name a line`;
    switch (this.config.format) {
      case 'karpathy-json':
        return new UserError(`${this.fileNames} holds no image of the ${name} split.`, { hint: `${list}.` });
      case 'imagefolder':
        return new UserError(`No image of ${this.fileNames} is in a folder of the ${name} split.`, {
          hint: `Put the images of the split into the folder ${name} below data.images. Or: ${list}.`,
        });
      default:
        return new UserError(`The config names no ${name} split.`, {
          hint: `${list}, or data.captions.${name} to a captions file of its own.`,
        });
    }
  }
}

function withPrefix({ captions, splits }: CaptionRecords, prefix: string): CaptionRecords {
  if (prefix === '') return { captions, splits };
  return { captions: new Map([...captions].map(([image, texts]) => [prefix + image, texts])) };
}
