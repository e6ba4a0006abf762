/** The models of a service as its front knows them: everything but the weights. */
import { basename, resolve } from 'node:path';
import { readCheckpointConfig, readCheckpointVocabulary } from '../checkpoint/index.js';
import type { Config } from '../config/index.js';
import { UserError } from '../core/index.js';
import { imageSize, type Vocabulary } from '../data/index.js';
import { inVocabulary, resolveSearch, type CaptionSearch } from '../infer/index.js';
import { ApiError } from './errors.js';
import type { ModelsResponse } from './schemas.js';

export interface ServedModel {
  /** Name of the checkpoint's directory. */
  id: string;
  directory: string;
  config: Config;
  vocabulary: Vocabulary;
  attention: boolean;
}

/** @throws UserError for a checkpoint that cannot be read, or two of one name */
export function readModels(directories: readonly string[]): ServedModel[] {
  const models = directories.map((directory): ServedModel => {
    const config = readCheckpointConfig(directory);
    return {
      id: idOf(directory),
      directory,
      config,
      vocabulary: readCheckpointVocabulary(directory),
      attention: config.decoder.type === 'soft-attention',
    };
  });
  const seen = new Map<string, string>();
  for (const { id, directory } of models) {
    const other = seen.get(id);
    if (other !== undefined) {
      throw new UserError(`${other} and ${directory} would both be called "${id}"`, {
        hint: 'rename one of the directories, or serve it on another port',
      });
    }
    seen.set(id, directory);
  }
  if (models.length === 0) throw new UserError('there is no checkpoint to serve');
  return models;
}

/** `runs/flickr/best` is called `flickr`: a training calls every best checkpoint alike. */
function idOf(directory: string): string {
  const path = resolve(directory);
  const name = basename(path);
  return name === 'best' || name === 'last' ? basename(resolve(path, '..')) : name;
}

/** @throws ApiError 400 for an id that is no model's */
export function chooseModels(
  models: readonly ServedModel[],
  ids: readonly string[] | undefined,
): ServedModel[] {
  if (!ids) return [...models];
  for (const id of ids) {
    if (models.some((model) => model.id === id)) continue;
    throw new ApiError({
      status: 400,
      code: 'unknown_model',
      message: `models: there is no model "${id}".`,
      hint: `There are: ${models.map((model) => model.id).join(', ')}.`,
    });
  }
  return models.filter(({ id }) => ids.includes(id));
}

/** @throws ApiError 400 for options that do not fit together, or words that the model does not know */
export function checkSearch(model: ServedModel, search: CaptionSearch): void {
  try {
    resolveSearch(inVocabulary(search, model.vocabulary, model.config.text.tokenizer));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { message, hint } = error;
    throw new ApiError({ status: 400, code: 'bad_field', message, hint }, error);
  }
}

/** @param hashes SHA-256 of the weights, by id */
export function describeModels(
  models: readonly ServedModel[],
  hashes: ReadonlyMap<string, string>,
): ModelsResponse['models'] {
  return models.map(({ id, config, vocabulary, attention }) => {
    const [height, width] = imageSize(config.image);
    return {
      id,
      encoder: config.encoder.name,
      decoder: config.decoder.type,
      attention,
      vocabulary: vocabulary.size,
      image: { width, height },
      sha256: hashes.get(id)!,
    };
  });
}
