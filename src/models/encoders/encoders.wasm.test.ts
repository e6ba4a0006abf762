import { encoderCases } from './encoders.cases.js';

encoderCases('wasm');
