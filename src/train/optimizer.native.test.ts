import { optimizerCases } from '../../tests/decoders/optimizer.js';
import { describeNative } from '../../tests/helpers.js';

await describeNative(optimizerCases);
