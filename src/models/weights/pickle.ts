/**
 * The part of Python's pickle format that PyTorch's state dicts use: plain data, and calls of functions that the
 * caller lists. Nothing of the file is ever run; any other global is an error. After the comments of CPython's
 * Lib/pickletools.py, protocols 2 to 5.
 *
 * Dicts become Maps, lists and tuples arrays, None null, integers numbers.
 */

/** A pickle that cannot be read; the message says why. */
export class PickleError extends Error {}

/** Stands for a global of Python. */
export class PickleGlobal {
  /** @param call what a call of it gives; absent: it is only passed on */
  constructor(
    readonly name: string,
    readonly call?: (args: unknown[]) => unknown,
  ) {}
}

export interface PickleRules {
  /** By module and name, "collections.OrderedDict". */
  globals: ReadonlyMap<string, PickleGlobal>;
  /** What a reference to something outside of the pickle stands for. */
  persistent(id: unknown): unknown;
}

/** Longest text that a message repeats from a file. */
const SHOWN = 80;

/** A text of the file for a message. */
export function quoted(text: string): string {
  return JSON.stringify(text.slice(0, SHOWN));
}

/** Reads the object of a pickle. @throws PickleError */
export function unpickle(bytes: Uint8Array, rules: PickleRules): unknown {
  return new Machine(bytes, rules).run();
}

class Machine {
  private readonly view: DataView;
  private readonly memo = new Map<number, unknown>();
  private readonly marks: number[] = [];
  private stack: unknown[] = [];
  private at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly rules: PickleRules,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): unknown {
    for (;;) {
      const start = this.at;
      const opcode = this.byte();
      if (opcode === STOP) return this.pop();
      const operation = operations[opcode];
      if (!operation) {
        throw new PickleError(`unknown instruction 0x${opcode.toString(16)} at byte ${start} of the pickle`);
      }
      operation(this);
    }
  }

  /** Offset of the next `length` bytes, which are taken. */
  take(length: number): number {
    const from = this.at;
    if (length > this.bytes.length - from) throw new PickleError('the pickle ends too early');
    this.at += length;
    return from;
  }

  byte(): number {
    return this.view.getUint8(this.take(1));
  }

  uint16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  uint32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  int32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  /** A length of 8 bytes. */
  length64(): number {
    return Number(this.view.getBigUint64(this.take(8), true));
  }

  float64(): number {
    return this.view.getFloat64(this.take(8));
  }

  text(length: number): string {
    const from = this.take(length);
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + from, length).toString('utf8');
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw new PickleError('the pickle ends too early');
    const line = this.text(end - this.at);
    this.at++;
    return line;
  }

  /** A two's complement integer of up to 8 bytes. */
  integer(length: number): number {
    if (length > 8) throw new PickleError(`an integer of ${length} bytes`);
    const from = this.take(length);
    let value = 0n;
    for (let i = 0; i < length; i++) value |= BigInt(this.bytes[from + i]) << BigInt(8 * i);
    return Number(BigInt.asIntN(8 * length, value));
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  pop(): unknown {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw new PickleError('the pickle misses a value');
    return this.stack.pop();
  }

  top(): unknown {
    const value = this.pop();
    this.push(value);
    return value;
  }

  mark(): void {
    this.marks.push(this.stack.length);
  }

  popToMark(): unknown[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw new PickleError('the pickle misses a mark');
    return this.stack.splice(mark);
  }

  /** The last `count` values, in order. */
  last(count: number): unknown[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  memorise(key: number): void {
    this.memo.set(key, this.top());
  }

  memoSize(): number {
    return this.memo.size;
  }

  recall(key: number): void {
    if (!this.memo.has(key))
      throw new PickleError(`the pickle refers to an object ${key} that it does not hold`);
    this.push(this.memo.get(key));
  }

  global(module: string, name: string): void {
    const known = this.rules.globals.get(`${module}.${name}`);
    if (!known) {
      throw new PickleError(
        `it holds the Python object ${quoted(`${module}.${name}`)}, not only tensors and plain data`,
      );
    }
    this.push(known);
  }

  stackGlobal(): void {
    const [module, name] = this.last(2);
    // No conversion: lists within lists can stand for a text of any length.
    if (typeof module !== 'string' || typeof name !== 'string') {
      throw new PickleError('the pickle names a global by something that is not a text');
    }
    this.global(module, name);
  }

  call(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(callee instanceof PickleGlobal) || !callee.call || !Array.isArray(args)) {
      throw new PickleError('the pickle calls something that is not a function');
    }
    this.push(callee.call(args));
  }

  persistent(): void {
    this.push(this.rules.persistent(this.pop()));
  }

  append(values: unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw new PickleError('the pickle appends to something that is not a list');
    for (const value of values) list.push(value);
  }

  setItems(pairs: unknown[]): void {
    const dict = this.top();
    if (!(dict instanceof Map) || pairs.length % 2 !== 0) {
      throw new PickleError('the pickle sets entries of something that is not a dict');
    }
    for (let i = 0; i < pairs.length; i += 2) dict.set(pairs[i], pairs[i + 1]);
  }

  /** Attributes of a dict, as PyTorch's `_metadata`, are left out; nothing else here has any. */
  build(): void {
    this.pop();
    if (!(this.top() instanceof Map)) throw new PickleError('the pickle sets attributes of plain data');
  }
}

const STOP = 0x2e;

/** By opcode, in the order of pickletools. */
const operations: Record<number, (m: Machine) => void> = {
  0x4a: (m) => m.push(m.int32()), // BININT
  0x4b: (m) => m.push(m.byte()), // BININT1
  0x4d: (m) => m.push(m.uint16()), // BININT2
  0x8a: (m) => m.push(m.integer(m.byte())), // LONG1
  0x58: (m) => m.push(m.text(m.uint32())), // BINUNICODE
  0x8c: (m) => m.push(m.text(m.byte())), // SHORT_BINUNICODE
  0x8d: (m) => m.push(m.text(m.length64())), // BINUNICODE8
  0x54: (m) => m.push(m.text(m.uint32())), // BINSTRING
  0x55: (m) => m.push(m.text(m.byte())), // SHORT_BINSTRING
  0x4e: (m) => m.push(null), // NONE
  0x88: (m) => m.push(true), // NEWTRUE
  0x89: (m) => m.push(false), // NEWFALSE
  0x47: (m) => m.push(m.float64()), // BINFLOAT
  0x5d: (m) => m.push([]), // EMPTY_LIST
  0x61: (m) => m.append(m.last(1)), // APPEND
  0x65: (m) => m.append(m.popToMark()), // APPENDS
  0x29: (m) => m.push([]), // EMPTY_TUPLE
  0x74: (m) => m.push(m.popToMark()), // TUPLE
  0x85: (m) => m.push(m.last(1)), // TUPLE1
  0x86: (m) => m.push(m.last(2)), // TUPLE2
  0x87: (m) => m.push(m.last(3)), // TUPLE3
  0x7d: (m) => m.push(new Map()), // EMPTY_DICT
  0x73: (m) => m.setItems(m.last(2)), // SETITEM
  0x75: (m) => m.setItems(m.popToMark()), // SETITEMS
  0x30: (m) => void m.pop(), // POP
  0x31: (m) => void m.popToMark(), // POP_MARK
  0x32: (m) => m.push(m.top()), // DUP
  0x28: (m) => m.mark(), // MARK
  0x68: (m) => m.recall(m.byte()), // BINGET
  0x6a: (m) => m.recall(m.uint32()), // LONG_BINGET
  0x71: (m) => m.memorise(m.byte()), // BINPUT
  0x72: (m) => m.memorise(m.uint32()), // LONG_BINPUT
  0x94: (m) => m.memorise(m.memoSize()), // MEMOIZE
  0x63: (m) => m.global(m.line(), m.line()), // GLOBAL
  0x93: (m) => m.stackGlobal(), // STACK_GLOBAL
  0x52: (m) => m.call(), // REDUCE
  0x62: (m) => m.build(), // BUILD
  0x80: (m) => void m.byte(), // PROTO
  0x95: (m) => void m.length64(), // FRAME
  0x51: (m) => m.persistent(), // BINPERSID
};
