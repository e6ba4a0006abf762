/** What the values of a pickle become here. */
import { FormatError, quoted } from './stored-tensor.js';

/** A pickle that cannot be read; the message says why. */
export class PickleError extends FormatError {}

/**
 * A global of Python: a name and nothing else, until a rule says what a call of it gives.
 */
export class PickleGlobal {
  /**
   * @param name with its module, "collections.OrderedDict"
   * @param call what a call gives; absent: it may be passed on and be the class of an object, but not be called
   */
  constructor(
    readonly name: string,
    readonly call?: (args: unknown[], effort: (units: number) => void) => unknown,
  ) {}
}

/** Times that the state of an object is set; Python's own pickles do it once. */
const MAX_STATES = 16;

/**
 * An object of a class that is only a name here: nothing of the class is ever run. Its attributes are what the pickle
 * says they are.
 */
export class PickleObject {
  private states?: ReadonlyMap<unknown, unknown>[];
  /** Entries, when the class is a kind of dict. */
  entries?: Map<unknown, unknown>;

  constructor(readonly className: string) {}

  /** What BUILD sets: a dict, or a pair of dicts when the class has slots. Another state is not understood. */
  addState(state: unknown): void {
    // Kept by reference: copies of one dict, asked for again and again, could take any amount of time.
    for (const part of Array.isArray(state) && state.length === 2 ? (state as unknown[]) : [state]) {
      if (part instanceof Map && (this.states ??= []).push(part) > MAX_STATES) {
        throw new PickleError('the pickle sets the state of an object again and again');
      }
    }
  }

  attribute(name: string): unknown {
    return this.states?.findLast((state) => state.has(name))?.get(name);
  }
}

/** Constructors of plain data that checkpoints hold beside their weights; what they would build is not needed. */
const inert = new Set(
  [
    'builtins.complex builtins.range builtins.slice builtins.bytearray builtins.object _codecs.encode',
    'collections.Counter collections.defaultdict collections.deque datetime.date datetime.datetime datetime.timedelta',
    'numpy.dtype numpy.core.multiarray.scalar numpy._core.multiarray.scalar',
    'numpy.core.multiarray._reconstruct numpy._core.multiarray._reconstruct',
    'pathlib.Path pathlib.PosixPath pathlib.WindowsPath pathlib.PurePosixPath pathlib.PureWindowsPath',
    'pathlib._local.PosixPath pathlib._local.WindowsPath',
    'torch.Size torch.device',
  ].flatMap((names) => names.split(' ')),
);

function list(args: unknown[]): unknown[] {
  const [items = []] = args;
  if (args.length > 1 || !Array.isArray(items)) throw new PickleError('a set or list is malformed');
  return items as unknown[];
}

/** Python 2 passes the entries as a list of pairs, Python 3 sets them afterwards. */
function dict(args: unknown[], effort: (units: number) => void): Map<unknown, unknown> {
  const pairs = list(args);
  effort(pairs.length);
  const isPair = (pair: unknown): pair is [unknown, unknown] => Array.isArray(pair) && pair.length === 2;
  if (!pairs.every(isPair)) throw new PickleError('an OrderedDict is malformed');
  return new Map(pairs);
}

/** copyreg._reconstructor(class, base, state): how protocols 0 and 1 make an object. */
function reconstruct([cls]: unknown[]): PickleObject {
  if (!(cls instanceof PickleGlobal)) throw new PickleError('an object of something that is not a class');
  return new PickleObject(cls.name);
}

const known = new Map(
  [
    new PickleGlobal('collections.OrderedDict', dict),
    new PickleGlobal('builtins.dict', dict),
    new PickleGlobal('builtins.set', list),
    new PickleGlobal('builtins.frozenset', list),
    new PickleGlobal('builtins.list', list),
    new PickleGlobal('builtins.tuple', list),
    new PickleGlobal('copyreg._reconstructor', reconstruct),
  ].map((each) => [each.name, each]),
);

/** Python 2's names of modules. */
const renamed: Record<string, string> = { __builtin__: 'builtins', copy_reg: 'copyreg' };

/** @param rules globals that the caller knows besides those of plain data */
export function globalOf(
  module: string,
  name: string,
  rules: ReadonlyMap<string, PickleGlobal>,
): PickleGlobal {
  const full = `${Object.hasOwn(renamed, module) ? renamed[module] : module}.${name}`;
  return rules.get(full) ?? known.get(full) ?? new PickleGlobal(full);
}

/** The result of REDUCE. @throws PickleError for everything that is not known to be plain data */
export function called(callee: unknown, args: unknown, effort: (units: number) => void): unknown {
  if (!(callee instanceof PickleGlobal) || !Array.isArray(args)) {
    throw new PickleError('the pickle calls something that is not a function');
  }
  if (callee.call) return callee.call(args as unknown[], effort);
  if (inert.has(callee.name)) return new PickleObject(callee.name);
  throw new PickleError(
    `it asks to call the Python function ${quoted(callee.name)}, and only tensors and plain data are read`,
  );
}

/** An object of `cls` without its attributes, as NEWOBJ makes it. */
export function instanceOf(cls: unknown, args: unknown): unknown {
  if (!(cls instanceof PickleGlobal) || !Array.isArray(args)) {
    throw new PickleError('an object of something that is not a class');
  }
  return cls.name === 'collections.OrderedDict' ? new Map() : new PickleObject(cls.name);
}
