import { beforeAll } from 'vitest';
import { sequenceCases } from '../../../tests/decoders/sequences.js';
import { parityCases } from '../../../tests/decoders/parity.js';
import { prepareBackend } from '../../backend/index.js';

beforeAll(async () => void (await prepareBackend({ backend: 'wasm' })));
parityCases();
sequenceCases();
