import { sequenceCases } from '../../../tests/decoders/sequences.js';
import { parityCases } from '../../../tests/decoders/parity.js';
import { describeNative } from '../../../tests/helpers.js';

await describeNative(() => {
  parityCases();
  sequenceCases();
});
