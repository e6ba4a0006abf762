import { describe } from 'vitest';
import { decodeCases } from './decode.cases.js';
import { samplingCases } from './sampling.cases.js';

describe('decoding', () => decodeCases('native'));
describe('sampling', () => samplingCases('native'));
