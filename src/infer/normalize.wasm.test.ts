import { normalizeCases } from './normalize.cases.js';

normalizeCases('wasm');
