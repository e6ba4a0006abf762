export * from './journal.js';
export { writeReport } from './report/index.js';
export { savedConfig } from './output.js';
export type { TrainingResult } from './run.js';
export * from './trainer.js';
export { describeScores, percent } from './validate.js';
export * from './runs.js';
