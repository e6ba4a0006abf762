import { beforeAll } from 'vitest';
import { prepareBackend } from '../../backend/index.js';
import { parityCases } from './parity.cases.js';

beforeAll(async () => void (await prepareBackend({ backend: 'native' })));
parityCases();
