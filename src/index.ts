/**
 * showtell as a library: train, evaluate and run image captioning models.
 *
 * ```ts
 * import { Captioner, evaluate, loadConfig, train } from 'showtell';
 *
 * await train(loadConfig('configs/flickr8k-mobilenetv2-attention.yaml'));
 * const captioner = await Captioner.load('out/flickr8k-mobilenetv2-attention/best');
 * const { text } = await captioner.caption('photo.jpg');
 * ```
 */
export { prepareBackend, currentBackend, type BackendInfo } from './backend/index.js';
export {
  exportCheckpoint,
  loadCheckpoint,
  readOriginal,
  saveCheckpoint,
  saveOriginal,
  type Checkpoint,
  type CheckpointMetrics,
} from './checkpoint/index.js';
export { formatConfig, loadConfig, parseConfig, type Config, type ConfigInput } from './config/index.js';
export { silentLog, UserError, type Log, type Progress } from './core/index.js';
export { readDataset, tokenize, Vocabulary, type CaptionedImage, type Dataset } from './data/index.js';
export * from './evaluation/index.js';
export * from './infer/index.js';
export {
  inspectWeights,
  openWeights,
  readWeights,
  type WeightFile,
  type WeightTensor,
} from './models/index.js';
export {
  bleu,
  ciderD,
  DocumentFrequencies,
  loadMeteor,
  Meteor,
  ptbTokenize,
  rougeL,
  type Scored,
} from './metrics/index.js';
export { createService, listen, type Listening, type Service, type ServiceOptions } from './serve/index.js';
export { train, type TrainOptions, type TrainingResult } from './train/index.js';
