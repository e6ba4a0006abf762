export { sampleName } from './images.js';
export { defaultRowsPerShard, planShards, type PlanOptions, type Shard, type ShardSource } from './plan.js';
export type { CaptionRow, RowFormat } from './rows.js';
export { captionShards, type CaptionShardsOptions, type CaptionShardsResult } from './run.js';
