export * from './cache.js';
export * from './errors.js';
export * from './files.js';
export * from './half.js';
export * from './html.js';
export * from './log.js';
export * from './random.js';
