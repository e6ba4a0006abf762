/**
 * What `torch.save` wrote before PyTorch 1.6, and writes still with `_use_new_zipfile_serialization=False`
 * (torch/serialization.py): five pickles - a magic number, the protocol, facts about the machine, the object, the
 * keys of its storages - and then for each key the number of elements (int64) and their bytes.
 */
import { bytesAt, type ByteSource } from './byte-source.js';
import { unpickle } from './pickle.js';
import { PickleError } from './pickle-values.js';
import { quoted } from './stored-tensor.js';
import { persistent, torchGlobals, TorchStorage } from './torch-tensors.js';
import type { TorchFile } from './torch-zip.js';

/** 0x1950a86a20f9469cfc6c as a pickle of protocol 2: what such a file begins with. */
export const LEGACY_MAGIC = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');

const PROTOCOL = 1001;

/** @throws PickleError */
export function openTorchLegacy(source: ByteSource): TorchFile {
  let at = LEGACY_MAGIC.length;
  /** Element size of each storage that the object refers to. */
  const elementBytes = new Map<string, number>();
  const rules = {
    globals: torchGlobals,
    persistent(id: unknown): unknown {
      const value = persistent(id);
      if (value instanceof TorchStorage) elementBytes.set(value.key, value.elementBytes);
      return value;
    },
  };
  const next = (): unknown => {
    const { value, end } = unpickle(source, rules, at);
    at = end;
    return value;
  };

  const protocol = next();
  if (protocol !== PROTOCOL) throw new PickleError('it has another protocol than PyTorch writes');
  const machine = next();
  if (!(machine instanceof Map) || machine.get('little_endian') !== true) {
    throw new PickleError('its numbers are not little-endian');
  }
  const object = next();
  const keys = next();
  if (!Array.isArray(keys)) throw new PickleError('it does not list its storages');

  const places = new Map<string, { at: number; bytes: number }>();
  for (const key of keys as unknown[]) {
    const size = typeof key === 'string' ? elementBytes.get(key) : undefined;
    if (typeof key !== 'string' || size === undefined) {
      throw new PickleError('it lists a storage that no tensor refers to');
    }
    if (at + 8 > source.length) throw new PickleError('the file ends too early');
    const count = Number(bytesAt(source, at, 8).readBigInt64LE());
    at += 8;
    const bytes = count * size;
    if (!(count >= 0 && at + bytes <= source.length)) {
      throw new PickleError(`the storage ${quoted(key)} ends beyond the file`);
    }
    places.set(key, { at, bytes });
    at += bytes;
  }
  return { object, locate: (key) => places.get(key) };
}
