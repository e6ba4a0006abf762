/** What the machine has, as far as it matters here. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

/** Instruction sets that decide how fast matrix products are, as Linux names them. */
const decisive = [
  'avx2',
  'fma',
  'avx512f',
  'avx512_vnni',
  'avx512_bf16',
  'avx512_fp16',
  'amx_tile',
  'amx_bf16',
  'amx_int8',
  'asimd',
  'bf16',
  'i8mm',
  'sve',
];

/** The decisive instruction sets of this CPU; empty where the system does not list them (not Linux). */
export function cpuFeatures(cpuinfo = '/proc/cpuinfo'): string[] {
  if (!existsSync(cpuinfo)) return [];
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync(cpuinfo, 'utf8'));
  const found = new Set(line?.[1].trim().split(/\s+/));
  return decisive.filter((feature) => found.has(feature));
}

export function cpuName(): string {
  return cpus()[0]?.model.trim() || `${process.arch} CPU`;
}

/** Whether an NVIDIA driver is loaded (Linux, or Linux under Windows). Costs no process, unlike `nvidia-smi`. */
export function hasNvidiaDriver(): boolean {
  const traces = ['/proc/driver/nvidia/version', '/dev/nvidiactl', '/usr/lib/wsl/lib/libcuda.so.1'];
  return traces.some((path) => existsSync(path));
}

/** The first GPU's model as the NVIDIA driver lists it. */
export function gpuName(): string {
  const folder = '/proc/driver/nvidia/gpus';
  if (!existsSync(folder)) return 'GPU';
  const [first] = readdirSync(folder);
  const information = first === undefined ? '' : join(folder, first, 'information');
  const model = existsSync(information) ? /^Model:\s*(.+)$/m.exec(readFileSync(information, 'utf8')) : null;
  return model?.[1].trim() ?? 'GPU';
}
