import { describeNative } from '../../../tests/helpers.js';
import { batchNormCases } from './batch-norm.cases.js';

await describeNative(() => batchNormCases('native'));
