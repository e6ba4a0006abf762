export * from './attention-picture.js';
export * from './attention-veil.js';
export * from './captioner.js';
export * from './captions.js';
export * from './decode.js';
export * from './evaluate.js';
export * from './features.js';
export { sentence } from './sentence.js';
