import { optimizerCases } from './optimizers.cases.js';
import { describeNative } from '../../../tests/helpers.js';

await describeNative(optimizerCases);
