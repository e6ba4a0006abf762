export * from './activations.js';
export * from './convolution.js';
export * from './inverted-residual.js';
export * from './linear.js';
export * from './parameters.js';
