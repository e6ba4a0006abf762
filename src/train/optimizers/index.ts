export * from './average.js';
export * from './clipping.js';
export * from './optimizer.js';
