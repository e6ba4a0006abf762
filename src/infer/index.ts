export * from './attention/index.js';
export * from './captioner.js';
export * from './captions.js';
export * from './decoding/index.js';
export * from './evaluate.js';
export * from './features.js';
export { describeCaptionSearch, inVocabulary, type CaptionSearch } from './search.js';
export { sentence } from './sentence.js';
