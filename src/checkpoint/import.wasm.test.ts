import { beforeAll } from 'vitest';
import { importedCases } from '../../tests/decoders/imported.js';
import { prepareBackend } from '../backend/index.js';

beforeAll(async () => void (await prepareBackend({ backend: 'wasm' })));
importedCases();
