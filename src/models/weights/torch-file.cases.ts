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
}

/** A call of torch._utils._rebuild_tensor_v2. */
export function tensor({ storage, key, length, offset = 0, shape, strides }: TensorView): Buffer {
  const { int, text, tuple, global, call } = pickle;
  const id = tuple(text('storage'), global('torch', storage), text(key), text('cpu'), int(length));
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
