export * from './journal.js';
export { savedConfig } from './output.js';
export * from './trainer.js';
export * from './runs.js';
