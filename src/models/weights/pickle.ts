/**
 * Python's pickle format, protocols 2 to 5, as PyTorch uses it: plain data, objects whose class is only a name, and
 * calls of the few functions that rules list. Nothing of the file is ever run. After the comments of CPython's
 * Lib/pickletools.py.
 *
 * Dicts become Maps; lists, tuples and sets arrays; None null; integers numbers, or bigints beyond 64 bits.
 */
import { Cursor, type ByteSource } from './byte-source.js';
import {
  called,
  globalOf,
  instanceOf,
  PickleError,
  PickleObject,
  type PickleGlobal,
} from './pickle-values.js';
import { quoted } from './stored-tensor.js';

export interface PickleRules {
  /** What may be called besides plain data, by module and name. */
  globals: ReadonlyMap<string, PickleGlobal>;
  /** What a reference to something outside of the pickle stands for. */
  persistent(id: unknown): unknown;
}

/**
 * Most instructions, and most containers and objects, of one pickle; without limits a file of one-byte instructions
 * could ask for a hundred times its size. torchvision's MobileNetV3-small saved as a module, 244 tensors, has 30,242
 * and 9,330 (python -m pickletools).
 */
const MAX_INSTRUCTIONS = 2_000_000;
const MAX_CONTAINERS = 500_000;
/** Bytes of a text, of the name of a global or its module, and of an integer. */
const MAX_TEXT = 2 ** 24;
const MAX_NAME = 1024;
const MAX_INTEGER = 255;

/**
 * Reads the object of a pickle.
 * @param from position of its first byte; `end` that after the last one it may have
 * @returns the object, and the position after the pickle
 * @throws PickleError
 */
export function unpickle(
  source: ByteSource,
  rules: PickleRules,
  from = 0,
  end = source.length,
): { value: unknown; end: number } {
  const cursor = new Cursor(source, from, end, () => new PickleError('the pickle ends too early'));
  return { value: new Machine(cursor, rules).run(), end: cursor.position };
}

class Machine {
  private readonly memo = new Map<number, unknown>();
  private readonly marks: number[] = [];
  private stack: unknown[] = [];
  private instructions = 0;
  private containers = 0;

  constructor(
    private readonly cursor: Cursor,
    private readonly rules: PickleRules,
  ) {}

  run(): unknown {
    const from = this.cursor.position;
    for (;;) {
      const start = this.cursor.position;
      const opcode = this.byte();
      if (opcode === STOP) return this.pop();
      const operation = operations[opcode];
      if (!operation) {
        throw new PickleError(
          `unknown instruction 0x${opcode.toString(16)} at byte ${start - from} of the pickle`,
        );
      }
      this.effort(1);
      operation(this);
    }
  }

  /** Counts work. */
  private readonly effort = (units: number): void => {
    this.instructions += units;
    if (this.instructions > MAX_INSTRUCTIONS) {
      throw new PickleError(`the pickle has more than ${MAX_INSTRUCTIONS} instructions`);
    }
  };

  byte(): number {
    return this.cursor.byte();
  }

  uint16(): number {
    return this.cursor.take(2).readUInt16LE();
  }

  uint32(): number {
    return this.cursor.take(4).readUInt32LE();
  }

  int32(): number {
    return this.cursor.take(4).readInt32LE();
  }

  /** A length of 8 bytes. */
  length64(): number {
    return Number(this.cursor.take(8).readBigUInt64LE());
  }

  float64(): number {
    return this.cursor.take(8).readDoubleBE();
  }

  text(length: number): string {
    if (length > MAX_TEXT && length <= this.cursor.remaining) {
      throw new PickleError(`a text of ${length} bytes`);
    }
    return this.cursor.take(length).toString('utf8');
  }

  /** In memory of its own. */
  bytes(length: number): Uint8Array {
    return Uint8Array.from(this.cursor.take(length));
  }

  line(): string {
    const bytes: number[] = [];
    for (let byte = this.byte(); byte !== 0x0a; byte = this.byte()) {
      if (bytes.push(byte) > MAX_NAME) throw new PickleError(`a line of more than ${MAX_NAME} bytes`);
    }
    return Buffer.from(bytes).toString('utf8');
  }

  /** A two's complement integer. */
  integer(length: number): number | bigint {
    if (length > MAX_INTEGER) throw new PickleError(`an integer of ${length} bytes`);
    let value = 0n;
    for (let i = 0; i < length; i++) value |= BigInt(this.byte()) << BigInt(8 * i);
    value = BigInt.asIntN(8 * length, value);
    return length > 8 ? value : Number(value);
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  /** Pushes something that takes memory of its own. */
  pushNew(value: unknown): void {
    if (++this.containers > MAX_CONTAINERS) {
      throw new PickleError(`the pickle has more than ${MAX_CONTAINERS} lists, dicts and objects`);
    }
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
    this.pushNew(globalOf(module, name, this.rules.globals));
  }

  stackGlobal(): void {
    const [module, name] = this.last(2);
    // No conversion: lists within lists can stand for a text of any length.
    if (typeof module !== 'string' || typeof name !== 'string') {
      throw new PickleError('the pickle names a global by something that is not a text');
    }
    if (module.length > MAX_NAME || name.length > MAX_NAME) {
      throw new PickleError(`the name ${quoted(name)} .. of a global is too long`);
    }
    this.global(module, name);
  }

  call(): void {
    const args = this.pop();
    this.pushNew(called(this.pop(), args, this.effort));
  }

  /** @param named whether keyword arguments lie above the others */
  instance(named: boolean): void {
    if (named) this.pop();
    const args = this.pop();
    this.pushNew(instanceOf(this.pop(), args));
  }

  persistent(): void {
    this.pushNew(this.rules.persistent(this.pop()));
  }

  append(values: unknown[]): void {
    const list = this.top();
    if (list instanceof PickleObject) return; // a class that is a kind of list
    if (!Array.isArray(list)) throw new PickleError('the pickle appends to something that is not a list');
    for (const value of values) list.push(value);
  }

  setItems(pairs: unknown[]): void {
    const target = this.top();
    const dict = target instanceof PickleObject ? (target.entries ??= new Map()) : target;
    if (!(dict instanceof Map) || pairs.length % 2 !== 0) {
      throw new PickleError('the pickle sets entries of something that is not a dict');
    }
    for (let i = 0; i < pairs.length; i += 2) dict.set(pairs[i], pairs[i + 1]);
  }

  dict(pairs: unknown[]): void {
    this.pushNew(new Map());
    this.setItems(pairs);
  }

  /** Attributes of a dict, as PyTorch's `_metadata`, are left out. */
  build(): void {
    const state = this.pop();
    const target = this.top();
    if (target instanceof PickleObject) target.addState(state);
    else if (!(target instanceof Map)) throw new PickleError('the pickle sets attributes of plain data');
  }
}

const STOP = 0x2e;

/** By opcode, in the order of pickletools. */
const operations: Record<number, (m: Machine) => void> = {
  0x4a: (m) => m.push(m.int32()), // BININT
  0x4b: (m) => m.push(m.byte()), // BININT1
  0x4d: (m) => m.push(m.uint16()), // BININT2
  0x8a: (m) => m.push(m.integer(m.byte())), // LONG1
  0x8b: (m) => m.push(m.integer(m.uint32())), // LONG4
  0x58: (m) => m.push(m.text(m.uint32())), // BINUNICODE
  0x8c: (m) => m.push(m.text(m.byte())), // SHORT_BINUNICODE
  0x8d: (m) => m.push(m.text(m.length64())), // BINUNICODE8
  0x42: (m) => m.pushNew(m.bytes(m.uint32())), // BINBYTES
  0x43: (m) => m.pushNew(m.bytes(m.byte())), // SHORT_BINBYTES
  0x8e: (m) => m.pushNew(m.bytes(m.length64())), // BINBYTES8
  0x96: (m) => m.pushNew(m.bytes(m.length64())), // BYTEARRAY8
  0x54: (m) => m.push(m.text(m.uint32())), // BINSTRING
  0x55: (m) => m.push(m.text(m.byte())), // SHORT_BINSTRING
  0x4e: (m) => m.push(null), // NONE
  0x88: (m) => m.push(true), // NEWTRUE
  0x89: (m) => m.push(false), // NEWFALSE
  0x47: (m) => m.push(m.float64()), // BINFLOAT
  0x5d: (m) => m.pushNew([]), // EMPTY_LIST
  0x61: (m) => m.append(m.last(1)), // APPEND
  0x65: (m) => m.append(m.popToMark()), // APPENDS
  0x29: (m) => m.pushNew([]), // EMPTY_TUPLE
  0x74: (m) => m.pushNew(m.popToMark()), // TUPLE
  0x85: (m) => m.pushNew(m.last(1)), // TUPLE1
  0x86: (m) => m.pushNew(m.last(2)), // TUPLE2
  0x87: (m) => m.pushNew(m.last(3)), // TUPLE3
  0x7d: (m) => m.pushNew(new Map()), // EMPTY_DICT
  0x73: (m) => m.setItems(m.last(2)), // SETITEM
  0x75: (m) => m.setItems(m.popToMark()), // SETITEMS
  0x6c: (m) => m.pushNew(m.popToMark()), // LIST
  0x64: (m) => m.dict(m.popToMark()), // DICT
  0x8f: (m) => m.pushNew([]), // EMPTY_SET
  0x90: (m) => m.append(m.popToMark()), // ADDITEMS
  0x91: (m) => m.pushNew(m.popToMark()), // FROZENSET
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
  0x81: (m) => m.instance(false), // NEWOBJ
  0x92: (m) => m.instance(true), // NEWOBJ_EX
  0x62: (m) => m.build(), // BUILD
  0x80: (m) => void m.byte(), // PROTO
  0x95: (m) => void m.length64(), // FRAME
  0x51: (m) => m.persistent(), // BINPERSID
};
