import { UserError } from '../core/index.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'evaluate',
  describe: 'evaluate',
  options: {},
  handler() {
    throw new UserError('`showtell evaluate` is not there yet');
  },
});
