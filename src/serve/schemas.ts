/** What the API takes and gives. The same schemas validate requests and make the OpenAPI document. */
import { z } from 'zod';
import { lengthPenalties, strategies } from '../infer/index.js';

/** What one request may ask for at most: a place in a batch must have a known price. */
export const MOST = { beam: 10, captions: 10, words: 60, bannedWords: 100 };

/** A field of the query or the form that names several things, separated by commas. */
const list = (what: string) =>
  z.array(z.string().min(1).max(100)).min(1).max(MOST.bannedWords).describe(what);
const whole = (least: number, most: number) => z.number().int().min(least).max(most);

/** How a photo is to be captioned. Fields of the query, or of the form. */
export const captionFields = z.strictObject({
  models: list('Ids of models, separated by commas. Default: all.').optional(),
  attention: z
    .boolean()
    .describe('Whether to say where the models with attention looked. Default: false.')
    .optional(),
  captions: whole(1, MOST.captions).describe('Captions of each model, best first. Default: 1.').optional(),
  strategy: z
    .enum(strategies)
    .describe('How words are chosen. Default: beam where beam is above 1, else greedy.')
    .optional(),
  beam: whole(1, MOST.beam).describe('Hypotheses kept. Default: 1.').optional(),
  groups: whole(1, MOST.beam).describe('Of diverse-beam: groups of the beam. Default: 3.').optional(),
  diversity: z
    .number()
    .min(0)
    .max(100)
    .describe("Of diverse-beam: what a word of an earlier group's costs, nats. Default: 0.5.")
    .optional(),
  temperature: z
    .number()
    .gt(0)
    .max(100)
    .describe('Of sample: below 1 prefers likely words. Default: 1.')
    .optional(),
  topK: whole(1, 1_000_000).describe('Of sample: draw among this many likeliest words.').optional(),
  topP: z.number().gt(0).max(1).describe('Of sample: draw among the likeliest words of this sum.').optional(),
  seed: whole(0, 2 ** 32 - 1)
    .describe('Of sample: decides what is drawn. Default: 1.')
    .optional(),
  lengthPenalty: z
    .enum(lengthPenalties)
    .describe('Of beams: how captions of different lengths are compared. Default: none.')
    .optional(),
  wuAlpha: z.number().gt(0).max(10).describe('Exponent of the length penalty wu. Default: 0.65.').optional(),
  minWords: whole(0, MOST.words).describe('Fewest words of a caption. Default: 0.').optional(),
  maxWords: whole(1, MOST.words).describe('Words at which a caption is cut off. Default: 30.').optional(),
  blockNgrams: whole(1, MOST.words)
    .describe('No sequence of this many words occurs twice in a caption.')
    .optional(),
  unknownWords: z.boolean().describe('Whether <unk> may be a word. Default: false.').optional(),
  bannedWords: list('Words that are never said, separated by commas.').optional(),
  prefix: z.string().max(500).describe('What every caption begins with.').optional(),
});

export type CaptionFields = z.infer<typeof captionFields>;

const size = z.object({ width: z.number(), height: z.number() });
const region = size.extend({ left: z.number(), top: z.number() });
const rows = z.array(z.array(z.number()));

const attention = z
  .object({
    caption: z.string(),
    photo: size.describe('Of the upright photo, in pixels.'),
    region: region.describe("What the model saw of the photo, in the photo's pixels."),
    regionFractions: region.describe("The same as shares of the photo's width and height."),
    grid: z.object({ height: z.number(), width: z.number() }).describe('Rows and columns of cells.'),
    words: z.array(
      z.object({
        word: z.string(),
        weights: rows.describe('Of each cell, weights[row][column]; they sum to 1.'),
        entropy: z.number().describe('nats'),
        normalizedEntropy: z.number().describe('Of the most possible, 0 to 1.'),
        effectiveCells: z.number(),
        centre: z.object({ x: z.number(), y: z.number() }).describe("In the photo's pixels."),
      }),
    ),
    coverage: z
      .object({
        cells: rows,
        evenShare: z.number(),
        belowEvenShare: z.number(),
        variation: z.number(),
        penalty: z.number(),
      })
      .nullable(),
  })
  .describe('Where the model looked for each word.');

const caption = z.object({
  caption: z.string().describe('For people; an unfinished caption ends in "...".'),
  words: z.array(z.string()),
  logProbability: z.number().describe("Natural logarithm of the caption's probability."),
  probability: z.number().describe('0 to 1.'),
  score: z.number().describe('What captions of one photo are ranked by.'),
  finished: z.boolean().describe('Whether the caption reached its end within the most words.'),
  attention: attention.optional(),
});

export const modelResult = z.object({
  model: z.string().describe('Id of the model.'),
  captions: z.array(caption).min(1).describe('Best first.'),
});

export const captionsResponse = z.object({
  image: size.describe('Of the upright photo, in pixels.'),
  results: z.array(modelResult).describe('In the order of the models.'),
});

/** Data of the events of `text/event-stream`, by the events' names. */
export const streamEvents = {
  words: z
    .object({ model: z.string(), words: z.array(z.string()), caption: z.string() })
    .describe('The likeliest caption so far; with a beam it may still change.'),
  result: modelResult.describe('What one model found.'),
  done: z.object({ image: size }).describe('The last event, after the result of every model.'),
  error: z.object({ error: z.object({ code: z.string(), message: z.string() }) }),
};

export const errorResponse = z.object({
  error: z.object({
    code: z.string().describe('For programs; does not change.'),
    message: z.string().describe('For people.'),
    hint: z.string().describe('What to do about it.').optional(),
  }),
});

export const modelsResponse = z.object({
  models: z.array(
    z.object({
      id: z.string(),
      encoder: z.string(),
      decoder: z.enum(['lstm', 'soft-attention']),
      attention: z.boolean().describe('Whether it can say where it looked.'),
      vocabulary: z.number().int().describe('Words that it knows, special ones included.'),
      image: z.object({ width: z.number(), height: z.number() }).describe('What it sees, in pixels.'),
      sha256: z.string().describe("Of the checkpoint's weights."),
    }),
  ),
  limits: z.object({
    uploadBytes: z.number().int().describe('Largest request body.'),
    pixels: z.number().int().describe('Most pixels of a photo.'),
    types: z.array(z.string()).describe('Media types of photos that are read.'),
    beam: z.number().int(),
    captions: z.number().int(),
    words: z.number().int(),
    timeoutSeconds: z.number().describe('After which a request is given up.'),
  }),
});

export type ErrorResponse = z.infer<typeof errorResponse>;
export type ModelResult = z.infer<typeof modelResult>;
export type CaptionsResponse = z.infer<typeof captionsResponse>;
export type ModelsResponse = z.infer<typeof modelsResponse>;
