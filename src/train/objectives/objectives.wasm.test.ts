import { beforeAll } from 'vitest';
import { prepareBackend } from '../../backend/index.js';
import { objectiveCases } from './objectives.cases.js';

beforeAll(async () => void (await prepareBackend({ backend: 'wasm' })));
objectiveCases();
