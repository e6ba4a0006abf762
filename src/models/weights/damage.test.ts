/** 10,000 damaged files, in memory: each is read or refused, never anything else. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Random, UserError } from '../../core/index.js';
import { MemorySource } from './byte-source.js';
import { openSource, writeSafetensors } from './index.js';
import { legacyFile, moduleOf, pickle, tensor, torchFile } from './torch-file.cases.js';

const golden = (file: string) =>
  readFileSync(fileURLToPath(new URL(`../../../tests/goldens/torch/${file}`, import.meta.url)));

const { global } = pickle;
const vector = (key: string) => tensor({ storage: 'FloatStorage', key, length: 2, shape: [2], strides: [1] });
const linear = (key: string) =>
  moduleOf(global('torch.nn.modules.linear', 'Linear'), {
    parameters: { weight: vector(key), bias: vector(key) },
  });
const net = moduleOf(global('mine', 'Net'), { modules: { a: linear('0'), b: linear('1') } });
const storages = { 0: new Uint8Array(8), 1: new Uint8Array(8) };

/** Files with the share of their bytes, at the start, that say something: damage to numbers is not damage. */
const files: [string, Buffer, number][] = [
  ['state dict, zip', golden('state_zip.pth'), 0.3],
  ['state dict, legacy', golden('state_legacy.pth'), 0.8],
  ['training checkpoint, zip', golden('nested_zip.pth'), 0.3],
  ['module, zip', torchFile(net, storages), 1],
  ['module, legacy', legacyFile(net, storages), 1],
  [
    'safetensors',
    Buffer.from(
      writeSafetensors(
        new Map([
          ['a.weight', { shape: [2, 3], data: new Float32Array(6) }],
          ['b', { shape: [], data: new Float32Array(1) }],
        ]),
        { dtype: 'F32', metadata: { format: 'pt' } },
      ),
    ),
    0.8,
  ],
];

/** Bytes changed, removed, put in or repeated, or the end cut off. */
function damaged(whole: Buffer, share: number, random: Random): Buffer {
  const place = () => random.integer(random.pick([Math.ceil(whole.length * share), whole.length]));
  const kind = random.integer(5);
  const at = place();
  const length = 1 + random.integer(16);
  if (kind === 0) return whole.subarray(0, at);
  if (kind === 1) return Buffer.concat([whole.subarray(0, at), whole.subarray(at + length)]);
  if (kind === 2) {
    const inserted = Buffer.from(Array.from({ length }, () => random.integer(256)));
    return Buffer.concat([whole.subarray(0, at), inserted, whole.subarray(at)]);
  }
  if (kind === 3) {
    const from = place();
    return Buffer.concat([whole.subarray(0, at), whole.subarray(from, from + length), whole.subarray(at)]);
  }
  const bytes = Buffer.from(whole);
  for (let n = 0; n <= random.integer(4); n++) bytes[place()] = random.integer(256);
  return bytes;
}

it('10,000 damaged files are read or refused', async () => {
  const random = Random.from('damage');
  const refused = new Map(files.map(([name]) => [name, 0]));
  for (let i = 0; i < 10_000; i++) {
    const [name, whole, share] = files[i % files.length];
    const bytes = damaged(whole, share, random);
    let read = 0;
    try {
      const { tensors } = await openSource(new MemorySource(bytes), name);
      for (const tensor of tensors) read += tensor.read().length;
      // float64 is the widest type; what lies in the file cannot become more.
      expect(read, `damage ${i}`).toBeLessThanOrEqual(bytes.length);
    } catch (error) {
      if (!(error instanceof UserError)) throw new Error(`damage ${i} of ${name}`, { cause: error });
      refused.set(name, refused.get(name)! + 1);
    }
  }
  // Each kind of file was damaged about 1,667 times; some damage does not matter, or changes only numbers.
  for (const [name, count] of refused) {
    expect(count, name).toBeGreaterThan(500);
    expect(count, name).toBeLessThan(1660);
  }
});
