/**
 * What PyTorch's functions make of a pickle's tensors and storages (torch/_utils.py, torch/serialization.py): views
 * that say where a tensor lies. Whether they fit the file is checked when a tensor is asked for, so that what a
 * training checkpoint holds besides its weights does no harm.
 */
import { elementTypes, isElementType, type ElementType } from './elements.js';
import { PickleError, PickleGlobal } from './pickle-values.js';
import { quoted, sizeOf, spanOf, type StoredTensor } from './stored-tensor.js';

/** Elements of the storages by the name of their class. */
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

/** Bytes of an element of the other storages, whose tensors are not read. */
const otherStorages: Record<string, number> = {
  UntypedStorage: 1,
  ComplexFloatStorage: 8,
  ComplexDoubleStorage: 16,
  QInt8Storage: 1,
  QUInt8Storage: 1,
  QInt32Storage: 4,
  QUInt4x2Storage: 1,
  QUInt2x4Storage: 1,
};

/** PyTorch's names of the element types, which tensors of untyped storages give. */
const typesByName = new Map(
  Object.entries(elementTypes).map(([type, { name }]) => [`torch.${name}`, type as ElementType]),
);

/** More dimensions than any model has; without a limit a small file could ask for very much work. */
const MAX_DIMENSIONS = 32;

/** A reference to a storage. */
export class TorchStorage {
  /**
   * @param type null: of elements that are not read
   * @param bytes of all its elements
   * @param begin bytes before the first element that a view of it counts
   */
  constructor(
    readonly className: string,
    readonly type: ElementType | null,
    readonly elementBytes: number,
    readonly key: string,
    readonly bytes: number,
    readonly begin: number,
  ) {}
}

/** A view of a storage: element (i, j, ..) is at offset + i strides[0] + j strides[1] + ..; units are elements. */
export class TorchTensor {
  constructor(
    readonly storage: TorchStorage,
    readonly type: ElementType | null,
    readonly offset: number,
    readonly shape: number[],
    readonly strides: number[],
  ) {}
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/**
 * What a persistent id stands for:
 * ("storage", class, key, device, elements), in the legacy form with a sixth item, null or (key, offset, elements) of
 * a view; in the legacy form also ("module", class, source file, source), which is the class.
 */
export function persistent(id: unknown): unknown {
  const [kind, cls, key, , length, view] = Array.isArray(id) ? (id as unknown[]) : [];
  if (kind === 'module' && cls instanceof PickleGlobal) return cls;
  const className =
    cls instanceof PickleGlobal ? (/^torch\.(?:cuda\.|storage\.)?(\w+)$/.exec(cls.name)?.[1] ?? '') : '';
  const type = Object.hasOwn(storageTypes, className) ? storageTypes[className] : null;
  const elementBytes = type
    ? elementTypes[type].bytes
    : Object.hasOwn(otherStorages, className)
      ? otherStorages[className]
      : undefined;
  const offset: unknown = Array.isArray(view) ? view[1] : 0;
  if (
    kind !== 'storage' ||
    elementBytes === undefined ||
    typeof key !== 'string' ||
    !isCount(length) ||
    !isCount(offset)
  ) {
    throw new PickleError('a reference to a storage is malformed');
  }
  return new TorchStorage(className, type, elementBytes, key, length * elementBytes, offset * elementBytes);
}

/** torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks); v1 has the first four */
function rebuildTensor([storage, offset, shape, strides]: unknown[]): TorchTensor {
  return view(storage, storage instanceof TorchStorage ? storage.type : null, offset, shape, strides);
}

/** torch._utils._rebuild_tensor_v3(untyped storage, offset, shape, strides, requires_grad, hooks, dtype) */
function rebuildTypedTensor([storage, offset, shape, strides, , , dtype]: unknown[]): TorchTensor {
  const type = dtype instanceof PickleGlobal ? typesByName.get(dtype.name) : undefined;
  return view(storage, type ?? null, offset, shape, strides);
}

function view(
  storage: unknown,
  type: ElementType | null,
  offset: unknown,
  shape: unknown,
  strides: unknown,
): TorchTensor {
  const isShape = (value: unknown): value is number[] =>
    Array.isArray(value) && value.length <= MAX_DIMENSIONS && value.every(isCount);
  if (!(storage instanceof TorchStorage) || !isCount(offset) || !isShape(shape) || !isShape(strides)) {
    throw new PickleError('a tensor is malformed');
  }
  if (shape.length !== strides.length) throw new PickleError('a tensor has not one stride a dimension');
  return new TorchTensor(storage, type, offset, [...shape], [...strides]);
}

/** torch._utils._rebuild_parameter(tensor, requires_grad, hooks), and with a fourth argument, its Python attributes */
function rebuildParameter([tensor]: unknown[]): TorchTensor {
  if (!(tensor instanceof TorchTensor)) throw new PickleError('a parameter is no tensor');
  return tensor;
}

const rebuilders = [
  new PickleGlobal('torch._utils._rebuild_tensor', rebuildTensor),
  new PickleGlobal('torch._utils._rebuild_tensor_v2', rebuildTensor),
  new PickleGlobal('torch._utils._rebuild_tensor_v3', rebuildTypedTensor),
  new PickleGlobal('torch._utils._rebuild_parameter', rebuildParameter),
  new PickleGlobal('torch._utils._rebuild_parameter_with_state', rebuildParameter),
];

/** torch._tensor._rebuild_from_type_v2(rebuilder, class, its arguments, Python attributes) */
function rebuildFromType([rebuilder, , args]: unknown[], effort: (units: number) => void): unknown {
  const known = rebuilders.find((each) => each === rebuilder);
  if (!known?.call || !Array.isArray(args)) throw new PickleError('a tensor is malformed');
  return known.call(args as unknown[], effort);
}

/** The functions that PyTorch's pickles call. */
export const torchGlobals: ReadonlyMap<string, PickleGlobal> = new Map(
  [...rebuilders, new PickleGlobal('torch._tensor._rebuild_from_type_v2', rebuildFromType)].map((each) => [
    each.name,
    each,
  ]),
);

/** Where the bytes of a storage lie in the file. */
export type Locate = (key: string) => { at: number; bytes: number } | undefined;

/** Where a tensor lies. @throws PickleError when it does not fit the file, or has a type that is not read */
export function locateTensor(name: string, tensor: TorchTensor, locate: Locate): StoredTensor {
  const { storage, type, offset, shape, strides } = tensor;
  if (!type || !isElementType(type)) {
    throw new PickleError(`the elements of its entry ${quoted(name)} (${storage.className}) are not read`);
  }
  const place = locate(storage.key);
  if (!place) throw new PickleError(`the storage ${quoted(storage.key)} is missing`);
  if (place.bytes !== storage.bytes) {
    throw new PickleError(
      `the storage ${quoted(storage.key)} has ${place.bytes} bytes, not ${storage.bytes}`,
    );
  }
  const { bytes } = elementTypes[type];
  const begin = storage.begin + offset * bytes;
  const last = offset + spanOf(tensor) - 1;
  // Only a tensor without elements may point anywhere.
  if (sizeOf(shape) > 0 && !(begin + spanOf(tensor) * bytes <= storage.bytes)) {
    const elements = Math.floor((storage.bytes - storage.begin) / bytes);
    throw new PickleError(`a tensor reaches element ${last} of a storage that has ${elements}`);
  }
  return { name, type, shape, strides, at: place.at + begin };
}
