import { UserError } from '../core/index.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'caption',
  describe: 'caption',
  options: {},
  handler() {
    throw new UserError('`showtell caption` is not there yet');
  },
});
