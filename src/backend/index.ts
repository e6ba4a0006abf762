export * from './backend.js';
export * from './ops.js';
export * from './products.js';
export * from './tf.js';
