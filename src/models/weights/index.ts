/** Weights from files of other tools: safetensors, and both forms that `torch.save` has written. */
import { UserError } from '../../core/index.js';
import type { StateDict } from '../state.js';
import { bytesAt, FileSource, type ByteSource } from './byte-source.js';
import { elementTypes, toFloat32, type ElementArray } from './elements.js';
import { unpickle } from './pickle.js';
import { PickleError } from './pickle-values.js';
import { invalidSafetensors, openSafetensors } from './safetensors.js';
import { FormatError, readTensor, sizeOf, spanOf, type StoredTensor } from './stored-tensor.js';
import { LEGACY_MAGIC, openTorchLegacy } from './torch-legacy.js';
import { findStateDict } from './torch-state.js';
import { locateTensor } from './torch-tensors.js';
import { openTorchZip, type TorchFile } from './torch-zip.js';

export * from './published.js';
export { readSafetensors, safetensorsParts, writeSafetensors } from './safetensors.js';
export type { ElementArray } from './elements.js';

/** What a file says of a tensor. */
export interface TensorInfo {
  name: string;
  /** PyTorch's name of the element type, "float32". */
  dtype: string;
  shape: number[];
}

/** A tensor of a file. */
export interface WeightTensor extends TensorInfo {
  /** The elements in row-major order, read now; float16 and bfloat16 are widened, bool is 0 or 1. */
  read(): ElementArray;
}

/** An open file of weights; its tensors are read when asked for. */
export interface WeightFile {
  /** "safetensors", "PyTorch (zip)" or "PyTorch (legacy)". */
  form: string;
  tensors: WeightTensor[];
  close(): void;
}

/** Which form a file has by its first 512 bytes; null: none that is known. */
export function describeFile(head: Buffer): 'zip' | 'legacy' | 'tar' | 'safetensors' | null {
  if (head.subarray(0, 4).toString('latin1') === 'PK\x03\x04') return 'zip';
  if (head.subarray(0, LEGACY_MAGIC.length).equals(LEGACY_MAGIC)) return 'legacy';
  if (head.subarray(257, 262).toString('latin1') === 'ustar') return 'tar';
  return head.length > 8 && head[8] === '{'.charCodeAt(0) ? 'safetensors' : null;
}

/**
 * Opens a file of weights; the content decides about its form, not the name. Besides safetensors it may be a state
 * dict or a whole module that `torch.save` wrote, by itself or in a training checkpoint. Nothing of it is run.
 * The directory and the pickle are in memory, and of the tensors those that are read.
 * @throws UserError that names the file and what is wrong with it
 */
export async function openWeights(path: string): Promise<WeightFile> {
  const source = new FileSource(path);
  try {
    const { form, tensors } = await openSource(source, path);
    return { form, tensors, close: () => source.close() };
  } catch (error) {
    source.close();
    throw error;
  }
}

/** {@link openWeights} of any bytes. @param name for messages */
export async function openSource(source: ByteSource, name: string): Promise<Omit<WeightFile, 'close'>> {
  const form = describeFile(bytesAt(source, 0, Math.min(512, source.length)));
  if (form === 'tar') {
    throw new UserError(`${name} is a tar archive, PyTorch's oldest form, which is not read here`, {
      hint: 'load and save it once with a newer PyTorch, or convert it to safetensors',
    });
  }
  if (form === null) {
    throw new UserError(`${name} is neither a safetensors file nor one that PyTorch wrote`, {
      hint: 'give a .safetensors file, or one that torch.save wrote',
    });
  }
  try {
    if (form === 'safetensors') {
      return { form, tensors: openSafetensors(source).tensors.map((each) => toWeight(source, each)) };
    }
    const file = form === 'zip' ? await openTorchZip(source) : openTorchLegacy(source);
    const tensors = locateAll(file, source.length);
    return { form: `PyTorch (${form})`, tensors: tensors.map((each) => toWeight(source, each)) };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    if (form === 'safetensors') throw invalidSafetensors(name, error);
    throw new UserError(`cannot read weights from ${name}: ${error.message}`, {
      hint: 'it should be a whole file that torch.save(model.state_dict(), path) or torch.save(model, path) wrote',
      cause: error,
    });
  }
}

function toWeight(source: ByteSource, tensor: StoredTensor): WeightTensor {
  const { name, type, shape } = tensor;
  return { name, dtype: elementTypes[type].name, shape, read: () => readTensor(source, tensor) };
}

/** Times the bytes of the file that reading all tensors may read, some of which can share what they view. */
const MAX_REREAD = 16;

function locateAll({ object, locate }: TorchFile, fileBytes: number): StoredTensor[] {
  const tensors = [...findStateDict(object)].map(([name, tensor]) => locateTensor(name, tensor, locate));
  // Tensors may share storages, but together they have no more elements than the file has bytes.
  const elements = tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (!(elements <= fileBytes)) {
    throw new PickleError(
      `its tensors have ${elements} elements, more than the ${fileBytes} bytes of the file`,
    );
  }
  const read = tensors.reduce((sum, each) => sum + spanOf(each) * elementTypes[each.type].bytes, 0);
  if (read > MAX_REREAD * fileBytes) {
    throw new PickleError('its tensors view the same numbers again and again');
  }
  return tensors;
}

/** Reads all tensors of a file as float32; see {@link openWeights}. */
export async function readWeights(path: string): Promise<StateDict> {
  const file = await openWeights(path);
  try {
    return new Map(file.tensors.map(({ name, shape, read }) => [name, { shape, data: toFloat32(read()) }]));
  } finally {
    file.close();
  }
}

/** What a file holds, without the numbers; see {@link openWeights}. */
export async function inspectWeights(path: string): Promise<{ form: string; tensors: TensorInfo[] }> {
  const file = await openWeights(path);
  file.close();
  return { form: file.form, tensors: file.tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape })) };
}

/**
 * Reads a file that `pickle.dump` wrote of plain data: dicts become Maps, lists and tuples arrays.
 * @throws UserError that names the file and what is wrong with it
 */
export function readPlainPickle(path: string): unknown {
  const source = new FileSource(path);
  const persistent = () => {
    throw new PickleError('it refers to something outside of the file');
  };
  try {
    return unpickle(source, { globals: new Map(), persistent }).value;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new UserError(`cannot read the pickle ${path}: ${error.message}`, { cause: error });
  } finally {
    source.close();
  }
}
