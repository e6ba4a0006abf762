export { decode, type DecodedCaption, type DecodeOptions } from './decode.js';
export { rankingScore } from './length-penalty.js';
export {
  describeSearch,
  lengthPenalties,
  resolveSearch,
  strategies,
  type LengthPenalty,
  type Search,
  type SearchOptions,
  type Strategy,
} from './options.js';
export { draw } from './sampling.js';
export { ban, blockRepeats, forcedPrefix, minimumLength, type DecodingRule } from './rules.js';
