/** What is captioned, cut into shards: each gets one output, and can be worked on by any process. */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { UserError } from '../../core/index.js';
import {
  imageEndings,
  openTable,
  tableEndings,
  tarEndings,
  type Table,
  type TableSlice,
} from '../../data/index.js';

/** As img2dataset's `number_sample_per_shard`. */
export const defaultRowsPerShard = 10_000;

/** Columns of a list that hold paths, the first that it has. */
const imageColumns = ['image', 'path', 'file_name'];

export type ShardSource =
  | { kind: 'tar'; path: string; bytes: number }
  | { kind: 'folder'; path: string; files: string[] }
  | {
      kind: 'list';
      table: Table;
      slice: TableSlice;
      /** Column of the paths. */
      column: string;
      /** Folder that they are relative to. */
      images: string;
    };

export interface Shard {
  /** Of its output, without the ending; may lie in folders. */
  name: string;
  source: ShardSource;
  /** Tells whether the input is still the one that an output was made of. */
  fingerprint: string;
}

export interface PlanOptions {
  /** Tars, folders of images, lists of paths, or patterns such as `shards/*.tar` and `shards/{000..099}.tar`. */
  inputs: readonly string[];
  /** Images of an output, where a folder or a list is cut; a tar is never cut. */
  rowsPerShard?: number;
  /** Column of lists that holds the paths; default: image, path or file_name, whichever there is. */
  column?: string;
  /** Folder that the paths of lists are relative to; default: that of the list. */
  images?: string;
}

/**
 * Every shard of the inputs, in their order, that of a pattern by name. The same on every machine that sees the same files.
 * @throws UserError for an input that is missing or holds nothing to caption
 */
export async function planShards(options: PlanOptions): Promise<Shard[]> {
  const { inputs, rowsPerShard = defaultRowsPerShard } = options;
  if (!Number.isInteger(rowsPerShard) || rowsPerShard < 1) {
    throw new UserError(`${rowsPerShard} rows per shard: it must be an integer of 1 or more`);
  }
  const seen = new Set<string>();
  const byName = new Map<string, Shard & { input: string }>();
  for (const pattern of inputs) {
    for (const { path, name } of await find(pattern)) {
      if (seen.has(resolve(path))) continue;
      seen.add(resolve(path));
      for (const shard of await shardsOf(path, name, { ...options, rowsPerShard })) {
        const other = byName.get(shard.name);
        if (other) {
          throw new UserError(`${other.input} and ${path} would both be written to "${shard.name}"`, {
            hint: 'give one pattern that spans both folders, as "data/**/*.tar", or an --output for each',
          });
        }
        byName.set(shard.name, { ...shard, input: path });
      }
    }
  }
  return [...byName.values()].map(({ name, source, fingerprint }) => ({ name, source, fingerprint }));
}

/** Files and folders of an input, with what their outputs are called. */
async function find(input: string): Promise<{ path: string; name: string }[]> {
  const inputs = expandRanges(input);
  if (inputs.length > 1) return (await Promise.all(inputs.map(find))).flat();
  if (existsSync(input)) return [{ path: input, name: nameOf(basename(resolve(input))) }];
  if (!isDynamicPattern(input)) {
    throw new UserError(`there is no file or folder ${input}`);
  }
  const matches = await glob(input, { expandDirectories: false, absolute: isAbsolute(input) });
  if (matches.length === 0) throw new UserError(`no file matches ${input}`);
  const parts = input.split('/');
  const base = parts
    .slice(
      0,
      parts.findIndex((part) => isDynamicPattern(part)),
    )
    .join('/');
  return matches.sort().map((path) => ({ path, name: nameOf(relative(base, path)) }));
}

/** `{000..012}`, as WebDataset writes it: every number, with as many digits. */
export function expandRanges(input: string): string[] {
  const match = /^(.*?)\{(\d+)\.\.(\d+)\}(.*)$/.exec(input);
  if (!match) return [input];
  const [, before, first, last, after] = match;
  const count = Number(last) - Number(first) + 1;
  if (count < 1) throw new UserError(`${input}: ${first} to ${last} is no range`);
  return Array.from({ length: count }, (_, i) =>
    String(Number(first) + i).padStart(first.length, '0'),
  ).flatMap((number) => expandRanges(`${before}${number}${after}`));
}

/** Without its ending, if that is one of those that are read. */
function nameOf(path: string): string {
  const ending = [...tarEndings, ...tableEndings].find((one) => path.toLowerCase().endsWith(one));
  return ending === undefined ? path : path.slice(0, -ending.length);
}

const isTar = (path: string) => tarEndings.some((ending) => path.toLowerCase().endsWith(ending));

async function shardsOf(
  path: string,
  name: string,
  { rowsPerShard, column, images }: PlanOptions & { rowsPerShard: number },
): Promise<Shard[]> {
  const stat = statSync(path);
  if (stat.isDirectory()) return folderShards(path, name, rowsPerShard);
  if (isTar(path)) {
    const source = { kind: 'tar' as const, path, bytes: stat.size };
    return [{ name, source, fingerprint: `${stat.size} bytes` }];
  }
  if (!tableEndings.includes(extname(path).toLowerCase())) {
    throw new UserError(`${path} is neither a shard, nor a list, nor a folder`, {
      hint: `names of shards end in ${tarEndings.join(', ')}; those of lists in ${tableEndings.join(', ')}`,
    });
  }
  const table = await openTable(path, rowsPerShard);
  const wanted = column === undefined ? imageColumns : [column];
  const found = wanted.find((one) => table.columns.includes(one));
  if (found === undefined) {
    throw new UserError(`${path} has no column ${wanted.map((one) => `"${one}"`).join(', ')}`, {
      hint: `it has: ${table.columns.join(', ')}; --column NAME says which one holds the paths of the images`,
    });
  }
  return table.slices.map((slice, i) => ({
    name: `${name}-${numbered(i)}`,
    source: { kind: 'list', table, slice, column: found, images: images ?? dirname(path) },
    fingerprint: slice.fingerprint,
  }));
}

async function folderShards(path: string, name: string, rowsPerShard: number): Promise<Shard[]> {
  const files = await glob('**/*', { cwd: path, expandDirectories: false });
  const images = files.filter((file) => imageEndings.includes(extname(file).toLowerCase())).sort();
  if (images.length === 0) {
    const tar = files.find(isTar);
    throw new UserError(`the folder ${path} holds no image`, {
      hint:
        tar === undefined
          ? `looked for names that end in ${imageEndings.join(' ')}`
          : `it holds shards: --input '${join(path, dirname(tar), `*${extname(tar)}`)}'`,
    });
  }
  return Array.from({ length: Math.ceil(images.length / rowsPerShard) }, (_, i) => {
    const slice = images.slice(i * rowsPerShard, (i + 1) * rowsPerShard);
    return {
      name: `${name}-${numbered(i)}`,
      source: { kind: 'folder', path, files: slice },
      fingerprint: createHash('sha256').update(slice.join('\n')).digest('hex'),
    };
  });
}

const numbered = (i: number) => String(i).padStart(5, '0');
