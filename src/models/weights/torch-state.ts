/** Finds the state dict in what `torch.save` was given. */
import { PickleError, PickleObject } from './pickle-values.js';
import { quoted } from './stored-tensor.js';
import { TorchTensor } from './torch-tensors.js';

/** Where training programs keep the weights of a checkpoint, the likeliest first. */
const nestedUnder = ['state_dict', 'model_state_dict', 'model', 'module', 'net', 'network'];

/** Dicts, modules and names deeper or longer than any model's. */
const MAX_DEPTH = 64;
const MAX_NAME = 512;
/** Modules and entries visited: a file may use one module in many places, and each of them in many again. */
const MAX_VISITS = 200_000;

/**
 * The tensors by name, of a dict from names to tensors or of a module, by themselves or in a training checkpoint. The
 * prefix `module.` of a model that was trained on several devices is left out.
 * @throws PickleError
 */
export function findStateDict(object: unknown): Map<string, TorchTensor> {
  const found = findWeights(object);
  const tensors = found instanceof PickleObject ? moduleTensors(found) : dictTensors(found);
  if (tensors.size === 0) throw new PickleError('it holds no tensors');
  if (![...tensors.keys()].every((name) => name.startsWith('module.'))) return tensors;
  return new Map([...tensors].map(([name, tensor]) => [name.slice('module.'.length), tensor]));
}

/** The dict of names to tensors, or the module. */
function findWeights(object: unknown): ReadonlyMap<unknown, unknown> | PickleObject {
  let here = object;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (isModule(here)) return here;
    const dict = dictOf(here);
    if (!dict) break;
    const inner = nestedUnder
      .map((key) => dict.get(key))
      .find((value) => isModule(value) || dictOf(value) !== undefined);
    if (inner === undefined) return dict;
    here = inner;
  }
  throw new PickleError('it holds neither a dict of tensors nor a module');
}

/** A dict, or the entries of an object whose class is a kind of dict. */
function dictOf(value: unknown): ReadonlyMap<unknown, unknown> | undefined {
  if (value instanceof Map) return value;
  return value instanceof PickleObject ? value.entries : undefined;
}

function isModule(value: unknown): value is PickleObject {
  return value instanceof PickleObject && value.attribute('_modules') instanceof Map;
}

function dictTensors(dict: ReadonlyMap<unknown, unknown>): Map<string, TorchTensor> {
  const tensors = new Map<string, TorchTensor>();
  for (const [name, value] of dict) {
    if (typeof name !== 'string') throw new PickleError('its dict has a key that is not a text');
    if (!(value instanceof TorchTensor)) throw new PickleError(`its entry ${quoted(name)} is not a tensor`);
    if (name.length > MAX_NAME) throw new PickleError(`the name ${quoted(name)} .. is too long`);
    tensors.set(name, value);
  }
  return tensors;
}

/** As `module.state_dict()`: parameters and buffers that persist, then those of the modules inside, in their order. */
function moduleTensors(module: PickleObject): Map<string, TorchTensor> {
  const tensors = new Map<string, TorchTensor>();
  let visits = 0;
  const count = (more: number): void => {
    visits += more;
    if (visits > MAX_VISITS) throw new PickleError('it has too many modules');
  };
  const visit = (part: PickleObject, prefix: string, depth: number): void => {
    count(1);
    if (depth > MAX_DEPTH) throw new PickleError('its modules lie too deep within each other');
    const names = part.attribute('_non_persistent_buffers_set');
    if (Array.isArray(names)) count(names.length);
    const transient = new Set<unknown>(Array.isArray(names) ? names : []);
    for (const kind of ['_parameters', '_buffers']) {
      for (const [name, value] of entriesOf(part, kind)) {
        count(1);
        if (!(value instanceof TorchTensor)) {
          if (value === null) continue; // a layer without bias
          throw new PickleError(`its entry ${quoted(prefix + name)} is not a tensor`);
        }
        if (kind === '_buffers' && transient.has(name)) continue;
        tensors.set(limited(prefix + name), value);
      }
    }
    for (const [name, child] of entriesOf(part, '_modules')) {
      count(1);
      if (child instanceof PickleObject) visit(child, limited(`${prefix}${name}.`), depth + 1);
    }
  };
  visit(module, '', 0);
  return tensors;
}

function* entriesOf(module: PickleObject, attribute: string): Generator<[string, unknown]> {
  const dict = module.attribute(attribute);
  if (!(dict instanceof Map)) return;
  for (const [name, value] of dict as Map<unknown, unknown>) {
    if (typeof name !== 'string') throw new PickleError(`its ${attribute} have a key that is not a text`);
    yield [name, value];
  }
}

function limited(name: string): string {
  if (name.length > MAX_NAME) throw new PickleError(`the name ${quoted(name)} .. is too long`);
  return name;
}
