/** A thread of the service that decodes uploaded photos. */
import { workerData } from 'node:worker_threads';
import type { ImageConfig } from '../config/index.js';
import { answerRequests } from '../core/index.js';
import { readPhoto, type PhotoLimits } from './photo.js';

export interface PhotoThreadSettings {
  configs: ImageConfig[];
  limits: PhotoLimits;
}

const { configs, limits } = workerData as PhotoThreadSettings;

answerRequests(
  (bytes: Uint8Array) => readPhoto(bytes, configs, limits),
  (photo) => ('pixels' in photo ? photo.pixels.map(({ data }) => data.buffer as ArrayBuffer) : []),
);
