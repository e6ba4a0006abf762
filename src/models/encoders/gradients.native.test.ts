import { describeNative } from '../../../tests/helpers.js';
import { gradientCases } from './gradients.cases.js';

await describeNative(() => gradientCases('native'));
