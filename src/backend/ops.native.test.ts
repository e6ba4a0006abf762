import { describeNative } from '../../tests/helpers.js';
import { opsCases } from './ops.cases.js';

await describeNative(opsCases);
