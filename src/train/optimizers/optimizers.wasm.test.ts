import { beforeAll } from 'vitest';
import { optimizerCases } from './optimizers.cases.js';
import { prepareBackend } from '../../backend/index.js';

beforeAll(async () => void (await prepareBackend({ backend: 'wasm' })));
optimizerCases();
