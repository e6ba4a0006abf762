/**
 * The process that owns the models of a service: computes while the service's event loop stays free, and may die without
 * it. Batches are done in the order in which they come.
 */
import { toReply } from '../core/index.js';
import { imageSize } from '../data/index.js';
import { currentBackend } from '../backend/index.js';
import { attentionJson, Captioner, sentence, type AttendedCaption } from '../infer/index.js';
import type { BatchRequest, LoadRequest, ModelReply, ModelRequest } from './model-messages.js';
import type { ModelResult } from './schemas.js';

const captioners = new Map<string, Captioner>();

function say(reply: ModelReply): void {
  process.send!(reply);
}

async function load({ models, device }: LoadRequest): Promise<void> {
  for (const { id, directory } of models) {
    const captioner = await Captioner.load(directory, device);
    captioners.set(id, captioner);
    warmUp(captioner);
  }
  const { name, device: kind, deviceName } = currentBackend();
  const hashes = [...captioners].map(([id, { checkpoint }]): [string, string] => [id, checkpoint.hash]);
  say({ type: 'loaded', backend: `${name}, ${kind} ${deviceName}`, hashes });
}

/** The first caption costs much more than the others: kernels are chosen and weights laid out. */
function warmUp(captioner: Captioner): void {
  const [height, width] = imageSize(captioner.checkpoint.config.image);
  const grey = { width, height, data: new Uint8Array(height * width * 3).fill(128) };
  captioner.captionPrepared([{ pixels: grey, photo: { width, height }, key: '' }]);
}

function caption({ batch, model, options, images, streamed }: BatchRequest): void {
  const tell = streamed.includes(true)
    ? (image: number, words: string[]) => {
        if (streamed[image]) say({ type: 'words', batch, image, words, caption: sentence(words, true) });
      }
    : undefined;
  const results = captioners.get(model)!.captionPrepared(images, options, tell);
  const captions = results.map(({ alternatives, ...best }) => [best, ...alternatives].map(fields));
  say({ type: 'captions', batch, captions });
}

function fields(caption: AttendedCaption): ModelResult['captions'][number] {
  const { text, words, logProbability, score, finished } = caption;
  return {
    caption: text,
    words,
    logProbability,
    probability: Math.exp(logProbability),
    score,
    finished,
    ...(caption.attention && { attention: attentionJson(caption) }),
  };
}

process.on('message', (request: ModelRequest) => {
  if (request.type === 'load') {
    load(request).catch((error: unknown) => say({ type: 'refused', error: toReply(error) }));
    return;
  }
  try {
    caption(request);
  } catch (error) {
    say({ type: 'failed', batch: request.batch, error: toReply(error) });
  }
});
// The service decides when its models end: Ctrl-C goes to every process of a terminal.
process.on('SIGINT', () => {}).on('SIGTERM', () => {});
process.on('disconnect', () => process.exit(0));
