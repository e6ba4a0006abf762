/** `POST /api/captions`: from a body to captions, whole or as events while they are written. */
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { CaptionOptions } from '../infer/index.js';
import type { Admission } from './admission.js';
import { ApiError, errorBody, refusals } from './errors.js';
import { checkSearch, chooseModels, type ServedModel } from './models.js';
import type { Photo } from './photo.js';
import type { CaptionFields, CaptionsResponse, ModelResult } from './schemas.js';
import { raced } from './gate.js';
import { announcedBytes, readUpload } from './upload.js';

/** What the route needs of the service. */
export interface CaptionService {
  models: readonly ServedModel[];
  admission: Admission;
  limits: { uploadBytes: number; seconds: number };
  /** @throws ApiError for a photo that is refused */
  readPhoto(bytes: Uint8Array, signal: AbortSignal): Promise<Photo>;
  caption(
    model: ServedModel,
    photo: Photo,
    options: CaptionOptions,
    signal: AbortSignal,
    onWords?: (words: string[], caption: string) => void,
  ): Promise<ModelResult>;
  /** What a client is told of something thrown; notes what is a bug. */
  refusalOf(error: unknown): ApiError;
}

export async function postCaptions(c: Context, service: CaptionService): Promise<Response> {
  const { admission, limits } = service;
  const request = c.req.raw;
  const leave = admission.enter(announcedBytes(request, limits.uploadBytes));
  const cut = new AbortController();
  const signal = AbortSignal.any([request.signal, cut.signal]);
  const deadline = setTimeout(() => cut.abort(new ApiError(refusals.deadline)), limits.seconds * 1000);
  const end = () => {
    clearTimeout(deadline);
    leave();
  };
  let streaming = false;
  try {
    const upload = await readUpload(request, limits.uploadBytes, signal);
    const models = chooseModels(service.models, upload.fields.models);
    const search = searchOf(upload.fields);
    for (const model of models) checkSearch(model, search);
    const photo = await service.readPhoto(upload.photo, signal);
    const run = (model: ServedModel, onWords?: (words: string[], caption: string) => void) => {
      const attention = upload.fields.attention === true && model.attention;
      return service.caption(model, photo, { ...search, attention }, signal, onWords);
    };
    if (!wantsEvents(request)) {
      const results = await Promise.all(models.map((model) => run(model)));
      return c.json({ image: photo.size, results } satisfies CaptionsResponse);
    }
    streaming = true;
    c.header('X-Accel-Buffering', 'no'); // or nginx keeps the words to itself
    return streamSSE(c, async (stream) => {
      stream.onAbort(() => cut.abort(new Error('the client left')));
      const write = (event: string, data: unknown) => stream.writeSSE({ event, data: JSON.stringify(data) });
      // A client that does not read must not keep its place beyond the deadline.
      const say = (event: string, data: unknown) => raced(write(event, data), signal);
      try {
        await Promise.all(
          models.map(async (model) => {
            const result = await run(model, (words, caption) => {
              void write('words', { model: model.id, words, caption });
            });
            await say('result', result);
          }),
        );
        await say('done', { image: photo.size });
      } catch (error) {
        cut.abort(error); // the other models need not go on
        if (stream.aborted || request.signal.aborted) return;
        const body = errorBody(service.refusalOf(error).refusal);
        void write('error', body);
      } finally {
        end();
      }
    });
  } catch (error) {
    // Nobody reads the answer to a client that left; it is counted.
    throw request.signal.aborted ? new ApiError(refusals.gone, error) : error;
  } finally {
    if (!streaming) end();
  }
}

function wantsEvents(request: Request): boolean {
  return /\btext\/event-stream\b/.test(request.headers.get('accept') ?? '');
}

/** The fields that say how captions are searched for. */
function searchOf({ models: _, attention: __, ...search }: CaptionFields): CaptionOptions {
  return search;
}
