import { encoderCases } from './encoders.cases.js';

encoderCases('native');
