/** Weights from files of other tools. */
import { closeSync, openSync, readSync } from 'node:fs';
import { messageOf, UserError } from '../../core/index.js';
import type { StateDict } from '../state.js';
import { readSafetensors } from './safetensors.js';
import { describeTorchFile, readTorchZip } from './torch-zip.js';

export * from './safetensors.js';

function firstBytes(path: string, count: number): Buffer {
  const head = Buffer.alloc(count);
  let handle: number;
  try {
    handle = openSync(path, 'r');
  } catch (error) {
    throw new UserError(`cannot read the weights ${path}: ${messageOf(error)}`, {
      hint: 'checkpoints/README.md says where to get the weights of the encoders',
      cause: error,
    });
  }
  try {
    return head.subarray(0, readSync(handle, head, 0, count, 0));
  } catch (error) {
    throw new UserError(`cannot read the weights ${path}: ${messageOf(error)}`, { cause: error });
  } finally {
    closeSync(handle);
  }
}

/**
 * Reads a state dict from a safetensors file or from what `torch.save` writes since PyTorch 1.6; the content decides,
 * not the name.
 */
export async function readWeights(path: string): Promise<StateDict> {
  const head = firstBytes(path, 512);
  const form = describeTorchFile(head);
  if (form === 'zip') return readTorchZip(path);
  if (form !== null) {
    throw new UserError(`${path} is in PyTorch's old ${form} form, which is not read here`, {
      hint: 'load and save it once with PyTorch 1.6 or newer, or convert it to safetensors',
    });
  }
  if (head.length > 8 && head[8] === '{'.charCodeAt(0)) return readSafetensors(path).state;
  throw new UserError(`${path} is neither a safetensors file nor a PyTorch state dict`);
}
