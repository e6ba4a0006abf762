import { describeNative } from '../../tests/helpers.js';
import { normalizeCases } from './normalize.cases.js';

await describeNative(() => normalizeCases('native'));
