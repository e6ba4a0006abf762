import { describe } from 'vitest';
import { describeNative } from '../../../tests/helpers.js';
import { decodeCases } from './decode.cases.js';
import { samplingCases } from './sampling.cases.js';

await describeNative(() => {
  describe('decoding', () => decodeCases('native'));
  describe('sampling', () => samplingCases('native'));
});
