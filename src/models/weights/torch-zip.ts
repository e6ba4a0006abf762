/**
 * State dicts as `torch.save` writes them since PyTorch 1.6: a zip file whose entries are stored, not compressed.
 * `<root>/data.pkl` is the pickled dict, `<root>/data/<key>` the bytes of each storage that its tensors view
 * (torch/serialization.py and torch/_utils.py). No code of the file is run.
 */
import { readFile } from 'node:fs/promises';
import yauzl from 'yauzl';
import { messageOf, UserError } from '../../core/index.js';
import type { StateDict, StateEntry } from '../state.js';
import { elementTypes, readElements, type ElementType } from './elements.js';
import { PickleError, PickleGlobal, quoted, unpickle } from './pickle.js';

/** Which of PyTorch's forms a file has by its first 512 bytes; null: it is none of PyTorch's. */
export function describeTorchFile(head: Buffer): 'zip' | 'legacy' | 'tar' | null {
  if (head.subarray(0, 4).toString('latin1') === 'PK\x03\x04') return 'zip';
  if (head.subarray(0, LEGACY_MAGIC.length).equals(LEGACY_MAGIC)) return 'legacy';
  return head.subarray(257, 262).toString('latin1') === 'ustar' ? 'tar' : null;
}

/** A pickle of protocol 2 that begins with the integer 0x1950a86a20f9469cfc6c (torch/serialization.py). */
const LEGACY_MAGIC = Buffer.from('80028a0a6cfc9c46f9206aa85019', 'hex');

/** Elements of the storages by the name of their class in the module `torch`. */
const storageTypes: Record<string, ElementType> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

/** More dimensions than any model has; without a limit a small file could ask for very much work. */
const MAX_DIMENSIONS = 32;

class Storage {
  /** @param length elements */
  constructor(
    readonly type: ElementType,
    readonly bytes: Uint8Array,
    readonly length: number,
  ) {}
}

/** A view of a storage: element (i, j, ..) is at offset + i strides[0] + j strides[1] + ..; units are elements. */
class TorchTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: number[],
    readonly strides: number[],
  ) {}

  get length(): number {
    return this.shape.reduce((a, b) => a * b, 1);
  }

  read(): Float32Array {
    const { type, bytes } = this.storage;
    const size = elementTypes[type].bytes;
    if (this.isContiguous()) {
      return readElements(bytes.subarray(this.offset * size, (this.offset + this.length) * size), type);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const values = new Float32Array(this.length);
    const index = this.shape.map(() => 0);
    let from = this.offset;
    for (let i = 0; i < values.length; i++) {
      values[i] = elementTypes[type].read(view, from * size);
      for (let axis = index.length - 1; axis >= 0; axis--) {
        from += this.strides[axis];
        if (++index[axis] < this.shape[axis]) break;
        from -= this.shape[axis] * this.strides[axis];
        index[axis] = 0;
      }
    }
    return values;
  }

  private isContiguous(): boolean {
    let expected = 1;
    for (let axis = this.shape.length - 1; axis >= 0; axis--) {
      if (this.shape[axis] !== 1 && this.strides[axis] !== expected) return false;
      expected *= this.shape[axis];
    }
    return true;
  }
}

/**
 * Reads a state dict: a dict from names to tensors, by itself or under `state_dict` or `model` of a training
 * checkpoint. The prefix `module.` of a model that was trained on several devices is left out.
 * @throws UserError that names the file and what is wrong with it
 */
export async function readTorchZip(path: string): Promise<StateDict> {
  const file = await readFile(path).catch((error: unknown) => {
    throw new UserError(`cannot read the weights ${path}: ${messageOf(error)}`, { cause: error });
  });
  try {
    const entries = await storedEntries(file);
    return toStateDict(loadPickle(entries), file.length);
  } catch (error) {
    if (!(error instanceof PickleError)) throw error;
    throw new UserError(`cannot read a state dict from ${path}: ${error.message}`, {
      hint: 'it should be a whole file that was written by torch.save(model.state_dict(), path)',
      cause: error,
    });
  }
}

/** Name -> bytes, which are views of `file`, so that no entry takes memory of its own. */
async function storedEntries(file: Buffer): Promise<Map<string, Uint8Array>> {
  const entries = new Map<string, Uint8Array>();
  try {
    const zip = await yauzl.fromBufferPromise(file);
    for await (const entry of zip.eachEntry()) {
      if (entry.compressionMethod !== 0) throw new Error(`${quoted(entry.fileName)} is compressed`);
      const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
      const end = fileDataStart + entry.uncompressedSize;
      if (end > file.length) throw new Error(`${quoted(entry.fileName)} ends beyond the file`);
      entries.set(entry.fileName, file.subarray(fileDataStart, end));
    }
  } catch (error) {
    throw new PickleError(`the zip file is damaged (${messageOf(error)})`, { cause: error });
  }
  return entries;
}

function loadPickle(entries: Map<string, Uint8Array>): unknown {
  const name = [...entries.keys()].find((entry) => /(^|\/)data\.pkl$/.test(entry));
  if (name === undefined) throw new PickleError('the zip file holds no data.pkl');
  const root = name.slice(0, -'data.pkl'.length);
  const order = entries.get(`${root}byteorder`);
  if (order && Buffer.from(order).toString('latin1') !== 'little') {
    throw new PickleError('its numbers are not little-endian');
  }
  return unpickle(entries.get(name)!, {
    globals,
    persistent: (id) => loadStorage(id, (key) => entries.get(`${root}data/${key}`)),
  });
}

/** ("storage", type, key, device, elements) */
function loadStorage(id: unknown, find: (key: string) => Uint8Array | undefined): Storage {
  const [kind, typeGlobal, key, , length] = Array.isArray(id) ? (id as unknown[]) : [];
  const type = typeGlobal instanceof PickleGlobal ? storageTypes[typeGlobal.name] : undefined;
  if (kind !== 'storage' || !type || typeof key !== 'string' || !isCount(length)) {
    throw new PickleError('a reference to a storage is malformed');
  }
  const bytes = find(key);
  if (!bytes) throw new PickleError(`the storage ${quoted(key)} is missing`);
  const expected = length * elementTypes[type].bytes;
  if (bytes.length !== expected) {
    throw new PickleError(`the storage ${quoted(key)} has ${bytes.length} bytes, not ${expected}`);
  }
  return new Storage(type, bytes, length);
}

/** torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks) */
function rebuildTensor([storage, offset, shape, strides]: unknown[]): TorchTensor {
  const isShape = (value: unknown): value is number[] =>
    Array.isArray(value) && value.length <= MAX_DIMENSIONS && value.every(isCount);
  if (!(storage instanceof Storage) || !isCount(offset) || !isShape(shape) || !isShape(strides)) {
    throw new PickleError('a tensor is malformed');
  }
  if (shape.length !== strides.length) throw new PickleError('a tensor has not one stride a dimension');
  const last = shape.reduce((sum, length, axis) => sum + (length - 1) * strides[axis], offset);
  // Only a tensor without elements may point anywhere.
  if (!shape.includes(0) && last >= storage.length) {
    throw new PickleError(`a tensor reaches element ${last} of a storage that has ${storage.length}`);
  }
  return new TorchTensor(storage, offset, [...shape], [...strides]);
}

/** torch._utils._rebuild_parameter(tensor, requires_grad, hooks) */
function rebuildParameter([tensor]: unknown[]): TorchTensor {
  if (!(tensor instanceof TorchTensor)) throw new PickleError('a parameter is no tensor');
  return tensor;
}

function orderedDict(args: unknown[]): Map<unknown, unknown> {
  if (args.length > 0) throw new PickleError('an OrderedDict is malformed');
  return new Map();
}

const globals = new Map<string, PickleGlobal>([
  ['collections.OrderedDict', new PickleGlobal('OrderedDict', orderedDict)],
  ['torch._utils._rebuild_tensor_v2', new PickleGlobal('tensor', rebuildTensor)],
  ['torch._utils._rebuild_parameter', new PickleGlobal('Parameter', rebuildParameter)],
  ...Object.keys(storageTypes).map((name) => [`torch.${name}`, new PickleGlobal(name)] as const),
]);

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function toStateDict(object: unknown, fileBytes: number): StateDict {
  if (!(object instanceof Map)) throw new PickleError('it holds no dict');
  const nested = ['state_dict', 'model'].map((key) => object.get(key) as unknown);
  const dict = nested.find((value) => value instanceof Map) ?? object;
  const tensors: [string, TorchTensor][] = [];
  for (const [name, value] of dict as Map<unknown, unknown>) {
    if (typeof name !== 'string') throw new PickleError('its dict has a key that is not a text');
    if (!(value instanceof TorchTensor)) throw new PickleError(`its entry ${quoted(name)} is not a tensor`);
    tensors.push([name, value]);
  }
  if (tensors.length === 0) throw new PickleError('its dict holds no tensors');
  // Tensors may share storages, but together they have no more elements than the file has bytes.
  const elements = tensors.reduce((sum, [, tensor]) => sum + tensor.length, 0);
  if (!(elements <= fileBytes)) {
    throw new PickleError(
      `its tensors have ${elements} elements, more than the ${fileBytes} bytes of the file`,
    );
  }
  const prefix = tensors.every(([name]) => name.startsWith('module.')) ? 'module.' : '';
  return new Map(
    tensors.map(([name, tensor]): [string, StateEntry] => [
      name.slice(prefix.length),
      { shape: tensor.shape, data: tensor.read() },
    ]),
  );
}
