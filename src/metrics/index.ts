export * from './bleu.js';
