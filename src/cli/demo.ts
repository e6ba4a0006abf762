import { UserError } from '../core/index.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'demo',
  describe: 'demo',
  options: {},
  handler() {
    throw new UserError('`showtell demo` is not there yet');
  },
});
