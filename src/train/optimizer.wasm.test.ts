import { beforeAll } from 'vitest';
import { optimizerCases } from '../../tests/decoders/optimizer.js';
import { prepareBackend } from '../backend/index.js';

beforeAll(async () => void (await prepareBackend({ backend: 'wasm' })));
optimizerCases();
