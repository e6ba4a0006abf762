import { beforeAll } from 'vitest';
import { prepareBackend } from '../backend/index.js';
import { optimizerCases } from './optimizer.cases.js';

beforeAll(async () => void (await prepareBackend({ backend: 'wasm' })));
optimizerCases();
