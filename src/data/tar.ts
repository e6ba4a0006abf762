/**
 * The files of a tar, one after another, without unpacking: a tar of any size takes the memory of one file of it. tar-stream
 * parses headers (ustar, pax, GNU long names); what it does not tell is added here: where a damaged tar is damaged, and
 * that one which was cut off between two files is not whole.
 */
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { messageOf, UserError } from '../core/index.js';

/** Every header and content begins at a multiple of it, bytes. */
const BLOCK = 512;

export const tarEndings = ['.tar', '.tar.gz', '.tgz'];

const isPacked = (path: string) => !path.toLowerCase().endsWith('.tar');

/** A tar that cannot be read to its end. */
export class TarError extends UserError {
  /** @param offset byte of the (unpacked) tar behind which nothing could be read */
  constructor(
    readonly path: string,
    readonly offset: number,
    why: string,
    cause?: unknown,
  ) {
    super(
      `The shard ${path} is damaged at byte ${offset}${isPacked(path) ? ' of the unpacked tar' : ''}: ${why}.`,
      {
        hint: 'Copy or download it again; what stands before that byte is whole.',
        cause,
      },
    );
    this.name = 'TarError';
  }
}

/** A regular file of a tar. */
export interface TarFile {
  /** With its folders, as the tar has it. */
  name: string;
  /** bytes */
  size: number;
  /** Of its header, in bytes of the unpacked tar. */
  offset: number;
  /** Its content; only until the next file is asked for. One that is not read costs no memory. */
  read(): Promise<Buffer>;
}

/**
 * Regular files of a tar in their order; `.tar.gz` and `.tgz` are unpacked on the way.
 * @param onBytes told of the bytes of `path` read so far
 * @throws TarError for a tar that is damaged or cut off, UserError for one that cannot be opened
 */
export async function* tarFiles(
  path: string,
  onBytes: (bytes: number) => void = () => {},
): AsyncGenerator<TarFile> {
  const { extract } = await import('tar-stream'); // what needs no tar starts faster without it
  const archive = extract();
  const file = createReadStream(path, { highWaterMark: 2 ** 18 });
  const source = isPacked(path) ? file.pipe(createGunzip()) : file;
  // What the source fails of is found where the archive is read.
  for (const stream of new Set([file, source])) stream.on('error', (error: Error) => archive.destroy(error));
  let read = 0; // bytes of the file
  let unpacked = 0; // bytes of the tar
  file.on('data', (chunk) => onBytes((read += chunk.length)));
  source.on('data', (chunk: Buffer) => (unpacked += chunk.length));
  source.pipe(archive as unknown as NodeJS.WritableStream);

  let end = 0; // of the last file, where the next header has to be
  let current: { name: string; offset: number } | undefined;
  const explained = (error: unknown): UserError => {
    const { code } = error as NodeJS.ErrnoException;
    const why = messageOf(error);
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR') {
      return new UserError(`The shard ${path} cannot be opened: ${why}.`, { cause: error });
    }
    if (current !== undefined) {
      const where = `within ${current.name}, whose header is at byte ${current.offset}`;
      return new TarError(path, unpacked, `it ends ${where} (${why})`, error);
    }
    return unpacked < end + BLOCK
      ? new TarError(path, unpacked, `it ends where a file should begin (${why})`, error)
      : new TarError(path, end, `no file begins there (${why})`, error);
  };
  try {
    for await (const entry of archive) {
      const { name, size, type } = entry.header;
      current = { name, offset: entry.offset };
      let taken = false;
      if (type === 'file' || type === 'contiguous-file') {
        yield {
          name,
          size,
          offset: entry.offset,
          async read() {
            taken = true;
            try {
              const chunks: Buffer[] = [];
              for await (const chunk of entry) chunks.push(chunk as Buffer);
              return Buffer.concat(chunks);
            } catch (error) {
              throw explained(error);
            }
          },
        };
      }
      if (!taken) for await (const _ of entry); // not kept
      end = entry.offset + BLOCK * (1 + Math.ceil(size / BLOCK));
      current = undefined;
    }
  } catch (error) {
    throw explained(error);
  } finally {
    file.destroy();
    archive.destroy();
  }
  // Two blocks of zeros end a tar (POSIX pax, "ustar Interchange Format"); writers that stop early leave none.
  if (unpacked < end + BLOCK) {
    throw new TarError(path, unpacked, 'it ends without the blocks of zeros that end a tar');
  }
}
