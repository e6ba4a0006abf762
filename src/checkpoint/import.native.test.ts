import { importedCases } from '../../tests/decoders/imported.js';
import { describeNative } from '../../tests/helpers.js';

await describeNative(importedCases);
