import { UserError } from '../core/index.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'train',
  describe: 'train',
  options: {},
  handler() {
    throw new UserError('`showtell train` is not there yet');
  },
});
