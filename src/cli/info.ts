import { UserError } from '../core/index.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'info',
  describe: 'Say what computes here, and why nothing better does',
  options: { json: { type: 'boolean', default: false, describe: 'print JSON' } },
  handler() {
    throw new UserError('`showtell info` is not there yet');
  },
});
