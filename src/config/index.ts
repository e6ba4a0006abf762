export * from './caption-files.js';
export * from './load.js';
export * from './schema.js';
export * from './training-schema.js';
