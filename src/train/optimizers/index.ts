export * from './shown.js';
export * from './clipping.js';
export * from './optimizer.js';
