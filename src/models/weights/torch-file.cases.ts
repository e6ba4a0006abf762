/** Builds files as `torch.save` writes them, and ones that it would never write. */

/** Pieces of a pickle, each of which leaves one value on the stack. */
export const pickle = {
  int(value: number): Buffer {
    const bytes = Buffer.alloc(9);
    bytes[0] = 0x8a; // LONG1
    bytes.writeBigInt64LE(BigInt(value), 1);
    return Buffer.concat([bytes.subarray(0, 1), Buffer.from([8]), bytes.subarray(1)]);
  },
  text(value: string): Buffer {
    const utf8 = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(utf8.length);
    return Buffer.concat([Buffer.from('X'), length, utf8]);
  },
  global: (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`),
  tuple: (...items: Buffer[]) => Buffer.concat([Buffer.from('('), ...items, Buffer.from('t')]),
  call: (callee: Buffer, ...args: Buffer[]) =>
    Buffer.concat([callee, pickle.tuple(...args), Buffer.from('R')]),
  dict: (entries: [key: Buffer, value: Buffer][]) =>
    Buffer.concat([Buffer.from('}('), ...entries.flat(), Buffer.from('u')]),
  none: Buffer.from('N'),
  list: (...items: Buffer[]) => Buffer.concat([Buffer.from(']('), ...items, Buffer.from('e')]),
  /** An object of a class, with attributes. */
  object: (cls: Buffer, attributes: Record<string, Buffer>) =>
    Buffer.concat([
      cls,
      Buffer.from([0x29, 0x81]), // EMPTY_TUPLE, NEWOBJ
      pickle.dict(Object.entries(attributes).map(([name, value]) => [pickle.text(name), value])),
      Buffer.from('b'),
    ]),
  whole: (value: Buffer) => Buffer.concat([Buffer.from([0x80, 2]), value, Buffer.from('.')]),
};

export interface TensorView {
  /** A class of the module `torch`. */
  storage: string;
  key: string;
  /** Elements of the storage. */
  length: number;
  offset?: number;
  shape: number[];
  strides: number[];
  /** The sixth item of the reference to the storage, which only the legacy form has. */
  view?: Buffer;
}

/** A call of torch._utils._rebuild_tensor_v2. */
export function tensor({ storage, key, length, offset = 0, shape, strides, view }: TensorView): Buffer {
  const { int, text, tuple, global, call } = pickle;
  const items = [text('storage'), global('torch', storage), text(key), text('cpu'), int(length)];
  const id = tuple(...items, ...(view ? [view] : []));
  return call(
    global('torch._utils', '_rebuild_tensor_v2'),
    Buffer.concat([id, Buffer.from('Q')]),
    int(offset),
    tuple(...shape.map(int)),
    tuple(...strides.map(int)),
    Buffer.from([0x89]), // requires_grad: False
    call(global('collections', 'OrderedDict')),
  );
}

/** A zip file of these entries. @param method 0: stored; another number is only written, the data stay as they are */
export function zipFile(entries: Record<string, Uint8Array>, method = 0): Buffer {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, data] of Object.entries(entries)) {
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0); // version needed
    fields.writeUInt16LE(method, 4);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(data.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const position = Buffer.alloc(14); // comment length, disk and attributes stay 0
    position.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields, position, Buffer.from(name));
    const local = [Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), data];
    parts.push(...local);
    offset += local.reduce((sum, { length }) => sum + length, 0);
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(Object.keys(entries).length, 8);
  end.writeUInt16LE(Object.keys(entries).length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, central, end]);
}

/** The file that torch.save writes of `object`. @param storages bytes by key */
export function torchFile(object: Buffer, storages: Record<string, Uint8Array>): Buffer {
  const data = Object.entries(storages).map(([key, bytes]) => [`root/data/${key}`, bytes]);
  return zipFile({
    'root/data.pkl': pickle.whole(object),
    'root/byteorder': Buffer.from('little'),
    ...(Object.fromEntries(data) as Record<string, Uint8Array>),
  });
}

/** The same in the legacy form. @param elementBytes of every storage */
export function legacyFile(object: Buffer, storages: Record<string, Uint8Array>, elementBytes = 4): Buffer {
  const { int, text, list, dict, whole } = pickle;
  const machine = dict([[text('little_endian'), Buffer.from([0x88])]]);
  const parts = Object.values(storages).flatMap((bytes) => {
    const count = Buffer.alloc(8);
    count.writeBigInt64LE(BigInt(bytes.length / elementBytes));
    return [count, bytes];
  });
  return Buffer.concat([
    Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex'),
    ...[int(1001), machine, object, list(...Object.keys(storages).map(text))].map(whole),
    ...parts,
  ]);
}

/** A module as PyTorch pickles it: an object of a class, with dicts of its parameters and modules. */
export function moduleOf(
  cls: Buffer,
  parts: { parameters?: Record<string, Buffer>; modules?: Record<string, Buffer> },
): Buffer {
  const { text, dict, object, call, global } = pickle;
  const named = (values: Record<string, Buffer> = {}) =>
    dict(Object.entries(values).map(([name, value]) => [text(name), value]));
  return object(cls, {
    training: Buffer.from([0x88]),
    _parameters: named(parts.parameters),
    _buffers: dict([]),
    _non_persistent_buffers_set: call(global('__builtin__', 'set'), pickle.list()),
    _forward_hooks: call(global('collections', 'OrderedDict')),
    _modules: named(parts.modules),
  });
}
