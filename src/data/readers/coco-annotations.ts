/**
 * COCO's caption annotations (Chen et al. 2015), one file a split: captions_train2014.json, captions_val2014.json. They
 * name images without the folder that COCO's archives unpack to (train2014/), so subfolders are searched.
 */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../core/index.js';
import { readJsonEntries } from './json-entries.js';
import { addCaption, recordProblem, type CaptionReader, type CaptionsByImage } from './reader.js';

type Id = string | number;
const isId = (value: unknown): value is Id => typeof value === 'string' || typeof value === 'number';

export const cocoAnnotations: CaptionReader = {
  accepted: '{"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}',
  read(text, file, bad) {
    const names = new Map<Id, string>();
    const images = new Map<string, { id: Id; index: number; line: number }>();
    /** Images of which something is reported already. */
    const spoilt = new Set<Id>();
    // The lists may come in either order.
    const found: { id: Id; caption: string; index: number; line: number }[] = [];
    const takers = {
      images({ id, file_name }: Record<string, unknown>, index: number, line: number) {
        if (!isId(id)) return `id is ${JSON.stringify(id) ?? 'missing'}, not a number or text`;
        const image = typeof file_name === 'string' ? file_name.trim() : '';
        const other = images.get(image);
        if (image !== '' && !names.has(id) && !other) {
          images.set(image, { id, index, line });
          names.set(id, image);
          return undefined;
        }
        spoilt.add(id);
        if (image === '') return 'the image name is empty';
        return other
          ? `${image} is there already, in images[${other.index}]`
          : `the id ${id} is there already, of ${names.get(id)}`;
      },
      annotations({ image_id, caption }: Record<string, unknown>, index: number, line: number) {
        if (!isId(image_id))
          return `image_id is ${JSON.stringify(image_id) ?? 'missing'}, not a number or text`;
        const text = typeof caption === 'string' ? caption.trim() : '';
        if (text !== '') found.push({ id: image_id, caption: text, index, line });
        else spoilt.add(image_id);
        return recordProblem(names.get(image_id) ?? `image ${image_id}`, text);
      },
    };
    readJsonEntries(text, file, takers, bad, `Accepted (data.format: coco-annotations): ${this.accepted}.`);
    const captions: CaptionsByImage = new Map();
    // In the order of "images", as far as they have captions.
    for (const image of names.values()) captions.set(image, []);
    for (const { id, caption, index, line } of found) {
      const image = names.get(id);
      if (image !== undefined) addCaption(captions, image, caption);
      else if (!spoilt.has(id)) bad.push({ line, why: `annotations[${index}]: no image has the id ${id}` });
    }
    for (const [image, own] of captions) {
      if (own.length > 0) continue;
      const entry = images.get(image)!;
      if (!spoilt.has(entry.id))
        bad.push({ line: entry.line, why: `images[${entry.index}]: ${image} has no caption` });
      captions.delete(image);
    }
    return { captions };
  },
  place: findInSubfolders,
};

/** Images that are not in `directory` itself are looked for in its subfolders. */
async function findInSubfolders(images: readonly string[], directory: string): Promise<string[]> {
  const list = (path: string) => readdir(path, { withFileTypes: true }).catch((): Dirent[] => []);
  const entries = await list(directory);
  const here = new Set(entries.map(({ name }) => name));
  if (images.every((image) => here.has(image))) return [...images];
  const folders: [name: string, files: Set<string>][] = [];
  for (const entry of entries) {
    // A link may be one to a folder; of a file the list is empty.
    if (!entry.isDirectory() && !entry.isSymbolicLink()) continue;
    const files = await list(join(directory, entry.name));
    folders.push([entry.name, new Set(files.map(({ name }) => name))]);
  }
  return images.map((image) => {
    if (here.has(image)) return image;
    const found = folders.filter(([, files]) => files.has(image)).map(([name]) => name);
    if (found.length > 1) {
      throw new UserError(`${image} is in more than one subfolder of ${directory}: ${found.join(', ')}.`, {
        hint: 'Leave one of them in data.images, or name the folder in file_name.',
      });
    }
    return found.length === 1 ? `${found[0]}/${image}` : image;
  });
}
