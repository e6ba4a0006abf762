export * from './activations.js';
export * from './batch-norm.js';
export * from './convolution.js';
export * from './linear.js';
export * from './parameters.js';
