/** The OpenAPI 3.1 document, made of the schemas that validate (schemas.ts). */
import { z } from 'zod';
import { photoTypes } from './photo.js';
import { captionFields, captionsResponse, errorResponse, modelsResponse, streamEvents } from './schemas.js';

type Json = Record<string, unknown>;

const errors: Record<number, string> = {
  400: 'A field, the form or the photo is wrong',
  401: 'A bearer token is needed',
  403: 'Another site sent the request',
  413: 'The body or the photo is too large',
  415: 'The body, or the file, is not of a kind that is read',
  422: 'The photo is damaged',
  500: 'Something failed here',
  503: 'Too many photos are waiting, or the models are not ready; Retry-After says when to try again',
  504: 'There was not enough time',
};

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: string) => ({ 'application/json': { schema: reference(name) } });

function schemaOf(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema) as Json;
  return rest;
}

function answers(ok: Json, ...statuses: number[]): Json {
  return {
    200: ok,
    ...Object.fromEntries(
      statuses.map((status) => [
        status,
        {
          description: errors[status],
          ...(status === 503 && {
            headers: { 'Retry-After': { schema: { type: 'integer' }, description: 'Seconds' } },
          }),
          content: json('Error'),
        },
      ]),
    ),
  };
}

const text = (description: string, type: string) => ({
  description,
  content: { [type]: { schema: { type: 'string' } } },
});

/** @param version of showtell @param secured whether a bearer token is asked for */
export function openApiDocument(version: string, secured: boolean): Json {
  const fields = schemaOf(captionFields) as { properties: Record<string, Json> };
  const security = secured ? [{ token: [] }] : [];
  const events = Object.entries(streamEvents).map(([name, schema]) => [`Event.${name}`, schemaOf(schema)]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'showtell',
      version,
      description: 'Captions of photos, and where the models looked.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security,
    paths: {
      '/api/captions': {
        post: {
          operationId: 'captionPhoto',
          summary: 'Captions a photo',
          description:
            'The photo is the body, with the fields in the query; or both are parts of a form. ' +
            'With `Accept: text/event-stream` the answer comes as events: `words` while a caption is being written, ' +
            '`result` for each model, then `done`; or `error`. Their data are the schemas `Event.*`.',
          parameters: Object.entries(fields.properties).map(([name, { description, ...schema }]) => ({
            name,
            in: 'query',
            description,
            ...(schema.type === 'array' && { style: 'form', explode: false }),
            schema,
          })),
          requestBody: {
            required: true,
            content: {
              'multipart/form-data': {
                schema: {
                  type: 'object',
                  properties: {
                    image: { type: 'string', contentMediaType: 'application/octet-stream' },
                    ...fields.properties,
                  },
                  required: ['image'],
                  additionalProperties: false,
                },
                encoding: Object.fromEntries(
                  Object.entries(fields.properties)
                    .filter(([, { type }]) => type === 'array')
                    .map(([name]) => [name, { style: 'form', explode: false }]),
                ),
              },
              ...Object.fromEntries(photoTypes.map((type) => [type, {}])),
            },
          },
          responses: answers(
            {
              description: 'Captions of each model, best first',
              content: { ...json('Captions'), 'text/event-stream': { schema: { type: 'string' } } },
            },
            ...[400, 401, 403, 413, 415, 422, 500, 503, 504],
          ),
        },
      },
      '/api/models': {
        get: {
          operationId: 'listModels',
          summary: 'The models, and the limits of requests',
          responses: answers({ description: 'Models and limits', content: json('Models') }, 401),
        },
      },
      '/api/openapi.json': {
        get: {
          operationId: 'describeApi',
          summary: 'This document',
          security: [],
          responses: {
            200: {
              description: 'OpenAPI 3.1',
              content: { 'application/json': { schema: { type: 'object' } } },
            },
          },
        },
      },
      '/healthz': {
        get: {
          operationId: 'checkHealth',
          summary: 'Whether the service lives',
          security: [],
          responses: { 200: text('It does', 'text/plain') },
        },
      },
      '/readyz': {
        get: {
          operationId: 'checkReadiness',
          summary: 'Whether a photo would be captioned now',
          security: [],
          responses: {
            200: text('It would', 'text/plain'),
            503: text(
              'The models are not loaded, the queue is full, or the service is stopping',
              'text/plain',
            ),
          },
        },
      },
      '/metrics': {
        get: {
          operationId: 'readMetrics',
          summary: "Counters and durations in Prometheus' text format",
          responses: answers(text('Metrics', 'text/plain'), 401),
        },
      },
    },
    components: {
      schemas: {
        Captions: schemaOf(captionsResponse),
        Models: schemaOf(modelsResponse),
        Error: schemaOf(errorResponse),
        ...(Object.fromEntries(events) as Json),
      },
      ...(secured && { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }),
    },
  };
}
