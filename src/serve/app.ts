/** The Hono application: routes, and what holds for all of them. */
import { Hono, type Context, type MiddlewareHandler } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { cors } from 'hono/cors';
import { HTTPException } from 'hono/http-exception';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { secureHeaders } from 'hono/secure-headers';
import type { Asset } from './assets.js';
import { postCaptions, type CaptionService } from './captions-route.js';
import { ApiError, errorBody, refusals, type Refusal } from './errors.js';
import type { Metrics } from './metrics.js';
import { openApiDocument } from './openapi.js';
import type { ModelsResponse } from './schemas.js';

export interface AppOptions {
  service: CaptionService;
  metrics: Metrics;
  /** Why no photo would be captioned now, or undefined. */
  whyNotReady: () => string | undefined;
  describe: () => ModelsResponse;
  /** Files of the page by their URL's path. */
  assets: ReadonlyMap<string, Asset>;
  version: string;
  /** Asked for as a bearer token by everything that costs or tells something; null: by nothing. */
  token: string | null;
  /** Origins whose pages may use the API. */
  corsOrigins: readonly string[];
}

export function createApp(options: AppOptions): Hono {
  const { service, metrics, whyNotReady, assets, token, corsOrigins } = options;
  const document = openApiDocument(options.version, token !== null);
  const app = new Hono();

  app.use(measured(metrics, new Set([...assets.keys(), ...Object.keys(document.paths as object)])));
  app.use(headers);
  if (corsOrigins.length > 0) {
    app.use('/api/*', cors({ origin: [...corsOrigins], exposeHeaders: ['Retry-After'], maxAge: 600 }));
  }
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        c.header('Allow', methods.join(', '));
        return refuse(
          c,
          new ApiError({
            status: 405,
            code: 'method_not_allowed',
            message: `This address knows ${methods.join(', ')} only.`,
          }),
        );
      },
    }),
  );
  const guarded = token === null ? pass : guard(token);

  app.post('/api/captions', sameSite(corsOrigins), guarded, (c) => postCaptions(c, service));
  app.get('/api/models', guarded, (c) => c.json(options.describe()));
  app.get('/api/openapi.json', (c) => c.json(document));
  app.get('/healthz', (c) => c.text('ok\n'));
  app.get('/readyz', (c) => {
    const why = whyNotReady();
    return why === undefined ? c.text('ok\n') : c.text(`${why}\n`, 503);
  });
  app.get('/metrics', guarded, async (c) => {
    c.header('Content-Type', metrics.registry.contentType);
    return c.body(await metrics.registry.metrics());
  });
  for (const [path, asset] of assets) app.get(path, (c) => sendAsset(c, asset));

  app.notFound((c) => refuse(c, new ApiError(refusals.notFound)));
  app.onError((error, c) => {
    if (error instanceof HTTPException) {
      metrics.refused.inc({ code: UNAUTHORIZED.code }); // only the guard throws these, with their answer
      return error.getResponse();
    }
    const refused = service.refusalOf(error);
    metrics.refused.inc({ code: refused.refusal.code });
    return refuse(c, refused);
  });
  return app;
}

const pass: MiddlewareHandler = (_, next) => next();

function refuse(c: Context, { refusal }: ApiError): Response {
  if (refusal.retryAfter !== undefined) c.header('Retry-After', String(refusal.retryAfter));
  return c.json(errorBody(refusal), refusal.status);
}

const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'blob:', 'data:'],
    mediaSrc: ["'self'", 'blob:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
  permissionsPolicy: { camera: ['self'], microphone: [], geolocation: [] },
  referrerPolicy: 'no-referrer',
  xFrameOptions: 'DENY',
  // Whoever speaks TLS says it; docs/serving.md.
  strictTransportSecurity: false,
});

/** @param routes that get a label of their own, so that requests cannot make up labels */
function measured(metrics: Metrics, routes: ReadonlySet<string>): MiddlewareHandler {
  return async (c, next) => {
    const start = performance.now();
    const { path } = c.req;
    const route = path.startsWith('/page/') ? '/page' : routes.has(path) ? path : 'other';
    await next();
    metrics.requests.inc({ route, status: c.res.status });
    metrics.seconds.observe({ route }, (performance.now() - start) / 1000);
  };
}

/** Browsers send such requests for any page without asking. */
function sameSite(corsOrigins: readonly string[]): MiddlewareHandler {
  return async (c, next) => {
    const site = c.req.header('sec-fetch-site');
    const origin = c.req.header('origin');
    if ((site === 'cross-site' || site === 'same-site') && !(origin && corsOrigins.includes(origin))) {
      throw new ApiError({
        status: 403,
        code: 'cross_site',
        message: 'Pages of other sites may not use this service.',
      });
    }
    await next();
  };
}

const UNAUTHORIZED: Refusal = {
  status: 401,
  code: 'unauthorized',
  message: 'A valid token is needed.',
  hint: 'Send the header "Authorization: Bearer TOKEN".',
};

function guard(token: string): MiddlewareHandler {
  const answer = { message: errorBody(UNAUTHORIZED) };
  return bearerAuth({
    token,
    noAuthenticationHeader: answer,
    invalidAuthenticationHeader: answer,
    invalidToken: answer,
  });
}

function sendAsset(c: Context, { bytes, type, etag }: Asset): Response {
  c.header('ETag', etag);
  c.header('Cache-Control', 'no-cache');
  if (c.req.header('if-none-match') === etag) return c.body(null, 304);
  c.header('Content-Type', type);
  return c.body(bytes);
}
