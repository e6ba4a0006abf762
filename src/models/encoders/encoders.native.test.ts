import { describeNative } from '../../../tests/helpers.js';
import { encoderCases } from './encoders.cases.js';

await describeNative(() => encoderCases('native'));
