export * from './checkpoint.js';
export * from './export.js';
export * from './import.js';
