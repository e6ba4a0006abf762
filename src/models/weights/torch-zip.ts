/**
 * What `torch.save` writes since PyTorch 1.6: a zip file whose entries are stored, not compressed.
 * `<root>/data.pkl` is the pickled object, `<root>/data/<key>` the bytes of each storage that its tensors view
 * (torch/serialization.py). The directory and the pickle are read, the storages stay where they are.
 */
import yauzl from 'yauzl';
import { messageOf } from '../../core/index.js';
import { bytesAt, type ByteSource } from './byte-source.js';
import { unpickle } from './pickle.js';
import { PickleError } from './pickle-values.js';
import { quoted } from './stored-tensor.js';
import { persistent, torchGlobals, type Locate } from './torch-tensors.js';

/** The object of a file, and where the storages of its tensors lie. */
export interface TorchFile {
  object: unknown;
  locate: Locate;
}

interface Entry {
  at: number;
  bytes: number;
  /** Whether the bytes are the content, neither compressed nor encrypted. */
  plain: boolean;
}

/** More entries than any model has tensors. */
const MAX_ENTRIES = 100_000;

/** @throws PickleError */
export async function openTorchZip(source: ByteSource): Promise<TorchFile> {
  const entries = await storedEntries(source);
  const names = [...entries.keys()];
  const name = names.find((entry) => /(^|\/)data\.pkl$/.test(entry));
  if (name === undefined) throw new PickleError('the zip file holds no data.pkl');
  const root = name.slice(0, -'data.pkl'.length);
  if (entries.has(`${root}constants.pkl`)) {
    throw new PickleError('it is a TorchScript program (torch.jit.save), not a state dict or a module');
  }
  const content = (entry: string): Entry | undefined => {
    const found = entries.get(root + entry);
    if (found && !found.plain) throw new PickleError(`${quoted(root + entry)} is compressed`);
    return found;
  };
  const order = content('byteorder');
  if (order && bytesAt(source, order.at, Math.min(order.bytes, 8)).toString('latin1') !== 'little') {
    throw new PickleError('its numbers are not little-endian');
  }
  const { at, bytes } = content('data.pkl')!;
  const { value } = unpickle(source, { globals: torchGlobals, persistent }, at, at + bytes);
  return { object: value, locate: (key) => content(`data/${key}`) };
}

/** Lets yauzl read by range. */
class Reader extends yauzl.RandomAccessReader {
  constructor(private readonly source: ByteSource) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    // Called later, as yauzl expects of a reader.
    queueMicrotask(() => {
      if (position < 0 || position + length > this.source.length) {
        callback(new Error('it ends too early'));
        return;
      }
      try {
        this.source.read(position, buffer.subarray(offset, offset + length));
      } catch (error) {
        callback(error as Error);
        return;
      }
      callback(null, length);
    });
  }
}

/** Where each entry lies, by its name. */
async function storedEntries(source: ByteSource): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  try {
    const zip = await yauzl.fromRandomAccessReaderPromise(new Reader(source), source.length, {
      autoClose: false,
    });
    if (zip.entryCount > MAX_ENTRIES) throw new Error(`it has ${zip.entryCount} entries`);
    for await (const entry of zip.eachEntry()) {
      const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
      const plain = entry.compressionMethod === 0 && !entry.isEncrypted();
      const bytes = plain ? entry.uncompressedSize : entry.compressedSize;
      if (fileDataStart + bytes > source.length) {
        throw new Error(`${quoted(entry.fileName)} ends beyond the file`);
      }
      entries.set(entry.fileName, { at: fileDataStart, bytes, plain });
    }
  } catch (error) {
    throw new PickleError(`the zip file is damaged (${messageOf(error)})`, { cause: error });
  }
  return entries;
}
