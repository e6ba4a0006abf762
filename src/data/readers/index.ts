/** Captions and splits from files, in every format that `data.format` names. */
export { splitNames, type CaptionsByImage, type SplitName } from './reader.js';
export { captionReaders, readCaptions } from './records.js';
export { openCaptions, type CaptionedImage, type CaptionSource } from './source.js';
