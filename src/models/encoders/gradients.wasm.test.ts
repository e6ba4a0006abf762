import { gradientCases } from './gradients.cases.js';

gradientCases('wasm');
