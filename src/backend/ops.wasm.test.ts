import { beforeAll } from 'vitest';
import { prepareBackend } from './index.js';
import { opsCases } from './ops.cases.js';

beforeAll(async () => void (await prepareBackend({ backend: 'wasm' })));
opsCases();
