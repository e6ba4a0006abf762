export * from './encoder.js';
export * from './registry.js';
