/**
 * That all records of a set of images were read and compared with their checksums: a training of a million images that
 * did so before need not do it again, nor read the journal, as long as no file of the store has changed since. The file
 * `checked-<images>.pack` holds the position and the checksum of each image's record, in the images' order.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { recoverDirectory } from '../core/index.js';
import type { ImageNames } from './image-folder.js';
import type { SkippedImage } from './image-loader.js';
import { Pack, PackWriter } from './pack.js';
import { StoreRecords } from './store-records.js';

interface Head {
  imageSet: string;
  /** name, bytes, milliseconds of the last change */
  files: [string, number, number][];
  /** With the time of the file's last change, of its permissions as well, in milliseconds. */
  skipped: (SkippedImage & { changed: number })[];
}

interface Checked {
  records: StoreRecords;
  /** Images without a record, for they cannot be used. */
  skipped: readonly SkippedImage[];
}

export class CheckedImages {
  private readonly path: string;

  /** @param imageSet what the images are known by: their names, sizes and times */
  constructor(
    private readonly folder: string,
    private readonly imageSet: string,
    private readonly images: ImageNames,
    private readonly imageDirectory: string,
  ) {
    this.path = join(folder, `checked-${imageSet.slice(0, 16)}.pack`);
  }

  /** What was written; undefined where that is damaged, or the store is not what it was. */
  read(): Checked | undefined {
    if (!existsSync(this.path)) return undefined;
    let pack: Pack;
    try {
      pack = Pack.open(this.path);
    } catch {
      return undefined; // all is checked again
    }
    try {
      const { imageSet, files, skipped } = pack.head as Head;
      if (imageSet !== this.imageSet || JSON.stringify(files) !== JSON.stringify(this.files()))
        return undefined;
      // An image that could not be used may be usable now.
      if (skipped.some(({ image, changed }) => this.changed(image) !== changed)) return undefined;
      const positions = pack.int32('positions');
      if (positions.length !== this.images.length) return undefined;
      return { records: StoreRecords.of(this.images, positions, pack.int32('crcs')), skipped };
    } finally {
      pack.close();
    }
  }

  write(records: StoreRecords, skipped: readonly SkippedImage[]): void {
    const positions = new Int32Array(this.images.length);
    const crcs = new Int32Array(this.images.length);
    let number = 0;
    for (const image of this.images) {
      const { position, crc } = records.find(image) ?? { position: -1, crc: 0 };
      positions[number] = position;
      crcs[number++] = crc;
    }
    let writer: PackWriter | undefined;
    try {
      recoverDirectory(this.path); // what a process left that was killed here
      writer = new PackWriter(this.path);
      writer.numbers('positions', positions);
      writer.numbers('crcs', crcs);
      writer.finish({
        imageSet: this.imageSet,
        files: this.files(),
        skipped: skipped.map((one) => ({ ...one, changed: this.changed(one.image) })),
      } satisfies Head);
    } catch {
      // A read-only or full disk: every start checks everything, then.
      writer?.discard();
    }
  }

  /** The next start checks all records. */
  forget(): void {
    try {
      rmSync(this.path, { force: true });
    } catch {
      // A read-only disk; whoever found the damage says so.
    }
  }

  private changed(image: string): number {
    return statSync(join(this.imageDirectory, image), { throwIfNoEntry: false })?.ctimeMs ?? -1;
  }

  private files(): Head['files'] {
    return readdirSync(this.folder)
      .filter((name) => name === 'journal.txt' || name.endsWith('.f16'))
      .sort()
      .map((name) => {
        const { size, mtimeMs } = statSync(join(this.folder, name));
        return [name, size, mtimeMs];
      });
  }
}
