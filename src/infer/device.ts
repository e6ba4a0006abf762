/** What captions are computed by. */
import { hasKernels, prepareBackend, type BackendOptions } from '../backend/index.js';
import { UserError } from '../core/index.js';

/** @throws UserError where bfloat16 is asked for and nothing would round: it never becomes float32 by itself */
export async function prepareInference(device: BackendOptions = {}): Promise<void> {
  const { name, device: kind, kernels } = await prepareBackend(device);
  if (device.precision !== 'bfloat16' || hasKernels()) return;
  const reason =
    name === 'native' && kind === 'CPU' ? `there are none: ${kernels}` : `${name} (${kind}) computes`;
  throw new UserError(`captions in bfloat16 need showtell's kernels for the CPU, and ${reason}`, {
    hint: 'leave --precision out, or see `showtell info`',
  });
}
