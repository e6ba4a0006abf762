export { openCorpus, type Corpus, type CorpusOptions } from './corpus.js';
export type { CaptionedImages, PackedExamples, PackedSplit } from './packed-split.js';
