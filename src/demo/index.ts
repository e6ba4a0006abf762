export * from './dataset.js';
export * from './drawing.js';
export * from './scenes.js';
export * from './wording.js';
export * from './run.js';
