export * from './decoders/index.js';
export * from './encoders/index.js';
export * from './state.js';
export * from './weights/index.js';
