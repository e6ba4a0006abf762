export * from './journal.js';
export * from './optimizer.js';
export * from './trainer.js';
