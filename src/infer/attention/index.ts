export type { AttendedCaption, Attention } from './attention.js';
export * from './json.js';
export * from './measures.js';
export * from './page.js';
export { attentionPicture } from './picture.js';
export { asFractions, cellRegion, seenRegion, type Point, type Region, type Size } from './region.js';
export * from './veil.js';
