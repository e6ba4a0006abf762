/** What the service and the process that owns its models say to each other. */
import type { BackendOptions } from '../backend/index.js';
import type { ErrorReply } from '../core/index.js';
import type { CaptionOptions, PreparedImage } from '../infer/index.js';
import type { ModelResult } from './schemas.js';

export interface LoadRequest {
  type: 'load';
  models: { id: string; directory: string }[];
  device: Pick<BackendOptions, 'backend' | 'precision'>;
}

export interface BatchRequest {
  type: 'batch';
  batch: number;
  model: string;
  options: CaptionOptions;
  images: PreparedImage[];
  /** Whether each image's words are wanted as they come. */
  streamed: boolean[];
}

export type ModelRequest = LoadRequest | BatchRequest;

export type ModelReply =
  | { type: 'loaded'; backend: string; hashes: [id: string, sha256: string][] }
  | { type: 'refused'; error: ErrorReply }
  | { type: 'words'; batch: number; image: number; words: string[]; caption: string }
  | { type: 'captions'; batch: number; captions: ModelResult['captions'][] }
  | { type: 'failed'; batch: number; error: ErrorReply };
