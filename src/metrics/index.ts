export * from './bleu.js';
export { ciderD, DocumentFrequencies, type CiderOptions } from './cider.js';
export type { Tokens } from './input.js';
export { hasMeteorData, jarFiles, meteorDataDirectory, writeMeteorData } from './meteor/data.js';
export { loadMeteor, Meteor } from './meteor/meteor.js';
export { ptbTokenize } from './ptb/tokenizer.js';
export { rougeL } from './rouge.js';
export type { Scored } from './scored.js';
