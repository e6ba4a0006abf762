export * from './cross-entropy.js';
export * from './objective.js';
export * from './reward.js';
export * from './rows.js';
export * from './self-critical.js';
