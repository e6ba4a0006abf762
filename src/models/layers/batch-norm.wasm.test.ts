import { batchNormCases } from './batch-norm.cases.js';

batchNormCases('wasm');
