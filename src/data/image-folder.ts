/** Which images there are: folders are listed once, for asking the disk for each of 100,000 names takes long. */
import { existsSync, readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf, UserError } from '../core/index.js';

/** Names relative to the image folder, which can be gone through more than once. */
export type ImageNames = Iterable<string> & { readonly length: number };

export class ImageFolder {
  /** Names in each folder that was asked for, by its path relative to the image folder. */
  private readonly listed: Map<string, ReadonlySet<string>>;

  private constructor(
    readonly directory: string,
    names: readonly string[],
  ) {
    this.listed = new Map([['.', new Set(names)]]);
  }

  /** @throws UserError for a folder that cannot be read */
  static async open(directory: string): Promise<ImageFolder> {
    try {
      return new ImageFolder(directory, await readdir(directory));
    } catch (error) {
      throw unreadableFolder(directory, error);
    }
  }

  /** @param image name relative to the folder, also in a subfolder */
  has(image: string): boolean {
    const folder = dirname(image);
    let names = this.listed.get(folder);
    if (!names) {
      names = new Set(namesIn(join(this.directory, folder)));
      this.listed.set(folder, names);
    }
    // On a file system that ignores case, or knows several forms of an accent, the listing may spell a name otherwise.
    return names.has(image.slice(image.lastIndexOf('/') + 1)) || existsSync(join(this.directory, image));
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // its images are missing then
  }
}

export function unreadableFolder(directory: string, error: unknown): UserError {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return new UserError(
    `The image folder ${directory} ${missing ? 'does not exist' : `cannot be read: ${messageOf(error)}`}.`,
    { hint: 'Set data.images to the folder that holds the image files.', cause: error },
  );
}
