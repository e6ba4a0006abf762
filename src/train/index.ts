export * from './journal.js';
export * from './optimizer.js';
export { savedConfig } from './output.js';
export * from './trainer.js';
