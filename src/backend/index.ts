export * from './backend.js';
export * from './tf.js';
