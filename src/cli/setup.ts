import { UserError } from '../core/index.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'setup',
  describe: 'setup',
  options: {},
  handler() {
    throw new UserError('`showtell setup` is not there yet');
  },
});
