import { describe } from 'vitest';
import { decodeCases } from './decode.cases.js';
import { samplingCases } from './sampling.cases.js';

describe('decoding', () => decodeCases('wasm'));
describe('sampling', () => samplingCases('wasm'));
