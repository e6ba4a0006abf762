export * from './bleu.js';
export { ciderD, DocumentFrequencies, type CiderOptions } from './cider.js';
export type { Tokens } from './input.js';
export { ptbTokenize } from './ptb/tokenizer.js';
export { rougeL } from './rouge.js';
export type { Scored } from './scored.js';
