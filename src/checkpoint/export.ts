/** Gives the weights of a checkpoint back to PyTorch. */
import { existsSync } from 'node:fs';
import { format, parse } from 'node:path';
import { UserError, writeFileAtomic } from '../core/index.js';
import { writeSafetensors, type StateDict } from '../models/index.js';
import { readCheckpointConfig, readCheckpointWeights } from './checkpoint.js';

/**
 * safetensors: one file, `encoder.*` and `decoder.*`.
 * pytorch-names: a file for each of them, its names as the PyTorch module has them: those of the original project's
 * decoder, those of torchvision's encoder.
 * Both are safetensors files in PyTorch's layouts, in the precision of the checkpoint.
 */
export type ExportFormat = 'safetensors' | 'pytorch-names';

export const exportFormats: readonly ExportFormat[] = ['safetensors', 'pytorch-names'];

export interface ExportResult {
  /** Paths of the files written. */
  files: string[];
  precision: 'float32' | 'float16';
  /** The decoder has the layer `project`, which the original project's module does not have. */
  projected: boolean;
}

/**
 * Writes a checkpoint's weights. Needs no backend.
 * @param request output: the file; `pytorch-names` puts `.decoder` and `.encoder` before its ending
 * @throws UserError for a damaged checkpoint, or a file that exists already
 */
export async function exportCheckpoint(request: {
  checkpoint: string;
  format: ExportFormat;
  output: string;
  overwrite: boolean;
}): Promise<ExportResult> {
  const { output, overwrite } = request;
  const { state, precision } = await readCheckpointWeights(request.checkpoint);
  const { decoder } = readCheckpointConfig(request.checkpoint);
  if (decoder.tieWeights && request.format === 'pytorch-names') {
    // Modules that share a weight hold it under both names.
    const layer = decoder.type === 'lstm' ? 'linear' : 'fc';
    state.set(`decoder.${layer}.weight`, state.get('decoder.embed.weight')!);
  }
  const parts: [string, StateDict][] =
    request.format === 'safetensors'
      ? [[output, state]]
      : ['decoder', 'encoder'].map((part) => [beside(output, part), entriesOf(state, `${part}.`)]);
  const taken = parts.map(([path]) => path).filter((path) => existsSync(path));
  if (taken.length > 0 && !overwrite) {
    throw new UserError(`${taken.join(' and ')} exist${taken.length === 1 ? 's' : ''} already`, {
      hint: 'give another --output, or --overwrite to replace it',
    });
  }
  const dtype = precision === 'float16' ? 'F16' : 'F32';
  for (const [path, entries] of parts) {
    writeFileAtomic(path, writeSafetensors(entries, { dtype, metadata: { format: 'pt' } }));
  }
  return { files: parts.map(([path]) => path), precision, projected: state.has('decoder.project.weight') };
}

/** `dir/name.safetensors` and `decoder` give `dir/name.decoder.safetensors`. */
function beside(path: string, part: string): string {
  const { dir, name, ext } = parse(path);
  return format({ dir, name: `${name}.${part}`, ext: ext === '' ? '.safetensors' : ext });
}

function entriesOf(state: StateDict, prefix: string): StateDict {
  const own = [...state].filter(([name]) => name.startsWith(prefix));
  return new Map(own.map(([name, entry]) => [name.slice(prefix.length), entry]));
}
