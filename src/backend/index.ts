export * from './backend.js';
export * from './ops.js';
export { packageRoot } from './paths.js';
export * from './products.js';
export * from './tf.js';
