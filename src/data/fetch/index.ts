export { collections, type Archive, type Collection } from './collections.js';
export { fetchCollection, type FetchOptions } from './fetch.js';
