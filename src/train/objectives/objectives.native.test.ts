import { describeNative } from '../../../tests/helpers.js';
import { objectiveCases } from './objectives.cases.js';

await describeNative(objectiveCases);
