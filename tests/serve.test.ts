/** The service as a whole: its application without a socket, the process of the models, the command line. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random, silentLog } from '../src/core/index.js';
import { Captioner } from '../src/infer/index.js';
import { createService, listen, type CaptionsResponse, type Service } from '../src/serve/index.js';
import { captionsResponse, errorResponse, modelsResponse, streamEvents } from '../src/serve/schemas.js';
import { writeTinyCheckpoint } from './tiny-checkpoint.js';

let directory: string;
let service: Service;
let photo: Buffer;
const warnings: string[] = [];
const checkpoints = () => ['attention', 'lstm'].map((name) => join(directory, name));

function post(
  body: ConstructorParameters<typeof Response>[0],
  query = '',
  headers: Record<string, string> = {},
  target = service,
) {
  return Promise.resolve(
    target.app.request(`/api/captions${query}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'image/jpeg', ...headers },
    }),
  );
}

const bytesOf = (data: Uint8Array) => new Uint8Array(data); // its own memory, as fetch wants it

function form(fields: Record<string, string | Blob>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return data;
}

const postForm = (data: FormData, target = service) =>
  Promise.resolve(target.app.request('/api/captions', { method: 'POST', body: data }));

/** Status and code of a refusal, whose body is checked against its schema. */
async function refusalOf(response: Response | Promise<Response>) {
  const { status, headers, ...rest } = await response;
  void rest;
  const body = errorResponse.parse(await (await response).json());
  return {
    status,
    code: body.error.code,
    message: body.error.message,
    retryAfter: headers.get('retry-after'),
  };
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'showtell-serve-'));
  await writeTinyCheckpoint(join(directory, 'attention'));
  await writeTinyCheckpoint(
    join(directory, 'lstm'),
    { type: 'lstm', embedding: 8, hidden: 8, layers: 1 },
    { resize: 40, crop: 32 },
  );
  photo = await sharp({
    create: {
      width: 96,
      height: 64,
      channels: 3,
      background: 'grey',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  })
    .jpeg()
    .toBuffer();
  service = await createService({
    checkpoints: checkpoints(),
    limits: { uploadBytes: 200_000, pixels: 1_000_000 },
    log: { ...silentLog, warn: (line) => void warnings.push(line) },
  });
});

afterAll(async () => {
  await service.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('POST /api/captions', () => {
  it('gives what the captioner gives, of every model, in their order', async () => {
    const response = await post(bytesOf(photo), '?beam=3&captions=2&attention=true&maxWords=8');
    expect(response.status).toBe(200);
    const answer = captionsResponse.parse(await response.json());
    expect(answer.image).toEqual({ width: 96, height: 64 });
    expect(answer.results.map(({ model }) => model)).toEqual(['attention', 'lstm']);
    for (const [i, checkpoint] of checkpoints().entries()) {
      const captioner = await Captioner.load(checkpoint);
      const own = await captioner.caption(photo, { beam: 3, captions: 2, maxWords: 8, attention: i === 0 });
      captioner.dispose();
      const expected = [own, ...own.alternatives];
      expect(answer.results[i].captions).toHaveLength(expected.length);
      answer.results[i].captions.forEach((caption, n) => {
        const { text, words, finished, logProbability } = expected[n];
        expect(caption).toMatchObject({ caption: text, words, finished });
        expect(caption.logProbability).toBeCloseTo(logProbability, 4); // another batch size rounds otherwise
        expect(caption.probability).toBeCloseTo(Math.exp(logProbability), 4);
      });
    }
    const [{ captions }, { captions: plain }] = answer.results;
    expect(captions[0].attention!.words).toHaveLength(captions[0].words.length);
    expect(plain[0].attention).toBeUndefined();
  });

  it('takes a form as well as a body, with fields in either', async () => {
    const image = new Blob([bytesOf(photo)]);
    const whole = (await (await post(bytesOf(photo), '?models=lstm&beam=2')).json()) as CaptionsResponse;
    const parts = await postForm(form({ image, models: 'lstm', beam: '2' }));
    expect(await parts.json()).toEqual(whole);
    const plain = await service.app.request('/api/captions?models=lstm&beam=2', {
      method: 'POST',
      body: bytesOf(photo),
    });
    expect(await plain.json()).toEqual(whole);
  });

  it('captions many photos in batches as it captions each alone', async () => {
    const photos = await Promise.all(
      Array.from({ length: 24 }, (_, i) =>
        sharp({
          create: {
            width: 30 + i,
            height: 40,
            channels: 3,
            background: { r: 10 * i, g: 90, b: 250 - 9 * i },
          },
        })
          .png()
          .toBuffer(),
      ),
    );
    const ask = async (bytes: Buffer) => {
      const answer = (await (await post(bytesOf(bytes), '?models=attention')).json()) as CaptionsResponse;
      return answer.results[0].captions[0].caption;
    };
    const together = await Promise.all(photos.map(ask));
    for (const [i, bytes] of photos.entries()) expect(await ask(bytes)).toBe(together[i]);
    const metrics = await (await service.app.request('/metrics')).text();
    const sum = (name: string) =>
      Number(new RegExp(`^${name}\\{model="attention"\\} (\\d+)$`, 'm').exec(metrics)![1]);
    expect(sum('showtell_batch_photos_count')).toBeLessThan(sum('showtell_batch_photos_sum'));
  });

  it('tells the words as they are decoded, then the results', async () => {
    const response = await post(bytesOf(photo), '?beam=2&minWords=3&maxWords=6', {
      accept: 'text/event-stream',
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const events = [...(await response.text()).matchAll(/event: (\w+)\ndata: (.*)\n\n/g)].map(
      ([, name, data]) => ({ name, data: JSON.parse(data) as { model?: string; words?: string[] } }),
    );
    for (const { name, data } of events) streamEvents[name as keyof typeof streamEvents].parse(data);
    expect(events.at(-1)).toEqual({ name: 'done', data: { image: { width: 96, height: 64 } } });
    for (const model of ['attention', 'lstm']) {
      const own = events.filter(({ data }) => data.model === model);
      const lengths = own.slice(0, -1).map(({ data }) => data.words!.length);
      expect(lengths.slice(0, 3)).toEqual([1, 2, 3]);
      expect(own.at(-1)!.name).toBe('result');
    }
    const { results } = (await (
      await post(bytesOf(photo), '?beam=2&minWords=3&maxWords=6')
    ).json()) as CaptionsResponse;
    expect(events.filter(({ name }) => name === 'result').map(({ data }) => data)).toEqual(
      expect.arrayContaining(results.map(({ model }) => expect.objectContaining({ model }))),
    );
  });

  it('refuses with a code and a sentence', async () => {
    const image = new Blob([bytesOf(photo)]);
    const refused = [
      [post(null), 400, 'empty_image'],
      [post('hello'), 415, 'unsupported_image'],
      [post(bytesOf(photo.subarray(0, 200))), 422, 'damaged_image'],
      [post(bytesOf(photo), '?beam=99'), 400, 'bad_field'],
      [post(bytesOf(photo), '?temperature=2'), 400, 'bad_field'],
      [post(bytesOf(photo), '?prefix=zebra'), 400, 'bad_field'],
      [post(bytesOf(photo), '?models=other'), 400, 'unknown_model'],
      [post('{}', '', { 'content-type': 'application/json' }), 415, 'unsupported_body'],
      [post('x', '', { 'content-type': 'multipart/form-data' }), 400, 'bad_form'],
      [post('x', '', { 'content-type': 'multipart/form-data; boundary=y' }), 400, 'bad_form'],
      [postForm(form({ beam: '2' })), 400, 'no_image'],
      [postForm(form({ picture: image })), 400, 'no_image'],
      [postForm(form({ image, other: image })), 400, 'several_files'],
      [postForm(form({ image, beam: 'two' })), 400, 'bad_field'],
      [post(new Uint8Array(200_001)), 413, 'body_too_large'],
      [post(bytesOf(photo), '', { 'content-length': '200001' }), 413, 'body_too_large'],
      [post(bytesOf(photo), '', { 'sec-fetch-site': 'cross-site' }), 403, 'cross_site'],
      [service.app.request('/api/captions'), 405, 'method_not_allowed'],
      [service.app.request('/etc/passwd'), 404, 'not_found'],
      [service.app.request('/page/../../package.json'), 404, 'not_found'],
      [service.app.request('/page/%2e%2e%2fpackage.json'), 404, 'not_found'],
    ] as const;
    for (const [response, status, code] of refused) {
      expect(await refusalOf(response)).toMatchObject({ status, code });
    }
    const forms = new FormData();
    for (let i = 0; i < 100; i++) forms.append(`field${i}`, 'x');
    expect(await refusalOf(postForm(forms))).toMatchObject({ code: 'bad_form' });
    expect(warnings).toEqual([]);
  });

  it('survives 1,000 damaged photos and tells nothing of its inside', { timeout: 300_000 }, async () => {
    const random = Random.from('damaged uploads');
    const png = await sharp(photo).png().toBuffer();
    const webp = await sharp(photo).webp().toBuffer();
    const seen = new Map<number, number>();
    const one = async () => {
      const bytes = Uint8Array.from(random.pick([photo, png, webp]));
      for (let n = 1 + Math.floor(20 * random.next()); n > 0; n--) {
        bytes[Math.floor(bytes.length * random.next())] = Math.floor(256 * random.next());
      }
      const cut = random.next() < 0.5 ? Math.floor(bytes.length * random.next()) : bytes.length;
      const response = await post(bytesOf(bytes.subarray(0, cut)), '?models=lstm&maxWords=2');
      seen.set(response.status, (seen.get(response.status) ?? 0) + 1);
      const text = await response.text();
      if (response.status === 200) captionsResponse.parse(JSON.parse(text));
      else errorResponse.parse(JSON.parse(text));
      expect(text).not.toMatch(/node_modules|\/src\/|\/dist\/|vips|sharp|at .*\.js|tmp/i);
    };
    for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 50 }, one));
    expect([...seen.values()].reduce((a, b) => a + b)).toBe(1000);
    expect([...seen.keys()].every((status) => status === 200 || (status >= 400 && status < 500))).toBe(true);
    expect(seen.get(422)).toBeGreaterThan(100);
    expect((await service.app.request('/readyz')).status).toBe(200);
    expect(warnings).toEqual([]);
  });
});

describe('the other addresses', () => {
  it('describe the models and the limits', async () => {
    const answer = modelsResponse.parse(await (await service.app.request('/api/models')).json());
    expect(answer.models.map(({ id, attention, image }) => ({ id, attention, image }))).toEqual([
      { id: 'attention', attention: true, image: { width: 32, height: 32 } },
      { id: 'lstm', attention: false, image: { width: 32, height: 32 } },
    ]);
    expect(answer.models[0].sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(answer.limits).toMatchObject({ uploadBytes: 200_000, pixels: 1_000_000 });
  });

  it('serve a valid OpenAPI document with every route', async () => {
    const document = (await (await service.app.request('/api/openapi.json')).json()) as {
      paths: Record<string, Record<string, object>>;
    };
    expect(await new Validator().validate(structuredClone(document))).toMatchObject({ valid: true });
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const routes = service.app.routes
      .filter(({ method, path }) => method !== 'ALL' && path !== '/' && !path.startsWith('/page/'))
      .map(({ method, path }) => `${method} ${path}`);
    expect([...new Set(routes)].sort()).toEqual(described.sort());
  });

  it('serve the page with headers that keep it to itself', async () => {
    const page = await service.app.request('/');
    expect(page.status).toBe(200);
    const html = await page.text();
    const policy = page.headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    expect(html).not.toMatch(/<script(?![^>]* src=)|style=|https?:\/\//);
    for (const [, path] of html.matchAll(/(?:src|href)="(\/[^"]*)"/g)) {
      const asset = await service.app.request(path);
      expect(asset.status, path).toBe(200);
      const again = await service.app.request(path, {
        headers: { 'if-none-match': asset.headers.get('etag')! },
      });
      expect(again.status).toBe(304);
    }
  });

  it('count', async () => {
    const text = await (await service.app.request('/metrics')).text();
    expect(text).toMatch(/^showtell_http_requests_total\{route="\/api\/captions",status="200"\} \d+$/m);
    expect(text).toMatch(/^showtell_http_requests_total\{route="other",status="404"\} \d+$/m);
    expect(text).toMatch(/^showtell_refused_total\{code="damaged_image"\} \d+$/m);
    expect(text).toMatch(/^showtell_requests_in_flight 0$/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
  });
});

describe('a service with a token', () => {
  let guarded: Service;
  beforeAll(async () => {
    guarded = await createService({
      checkpoints: [checkpoints()[1]],
      token: 'open-sesame',
      corsOrigins: ['https://example.org'],
      limits: { seconds: 3, requests: 2 },
    });
  });
  afterAll(() => guarded.close());

  it('asks for it, but not for the page and the probes', async () => {
    for (const path of ['/api/models', '/metrics']) {
      expect(await refusalOf(guarded.app.request(path))).toMatchObject({ status: 401, code: 'unauthorized' });
    }
    expect(await refusalOf(post(bytesOf(photo), '', {}, guarded))).toMatchObject({ status: 401 });
    expect(await refusalOf(post(bytesOf(photo), '', { authorization: 'Bearer no' }, guarded))).toMatchObject({
      code: 'unauthorized',
    });
    const right = await post(bytesOf(photo), '', { authorization: 'Bearer open-sesame' }, guarded);
    expect(right.status).toBe(200);
    for (const path of ['/', '/healthz', '/readyz', '/api/openapi.json']) {
      expect((await guarded.app.request(path)).status, path).toBe(200);
    }
  });

  it('lets the pages of its origins in, and no others', async () => {
    const headers = { 'sec-fetch-site': 'cross-site', authorization: 'Bearer open-sesame' };
    const own = await post(bytesOf(photo), '', { ...headers, origin: 'https://example.org' }, guarded);
    expect(own.status).toBe(200);
    expect(own.headers.get('access-control-allow-origin')).toBe('https://example.org');
    const other = await post(bytesOf(photo), '', { ...headers, origin: 'https://example.com' }, guarded);
    expect(other.status).toBe(403);
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('answers 503 when all places are taken, and 504 when a body does not come', async () => {
    const stalled = () =>
      Promise.resolve(
        guarded.app.request('/api/captions', {
          method: 'POST',
          headers: { authorization: 'Bearer open-sesame', 'content-type': 'image/jpeg' },
          body: new ReadableStream({ pull: () => sleep(60_000, undefined, { ref: false }) }),
          duplex: 'half',
        } as RequestInit),
      );
    const two = [stalled(), stalled()];
    await sleep(50);
    const third = await refusalOf(post(bytesOf(photo), '', { authorization: 'Bearer open-sesame' }, guarded));
    expect(third).toMatchObject({ status: 503, code: 'busy' });
    expect(Number(third.retryAfter)).toBeGreaterThanOrEqual(1);
    expect((await guarded.app.request('/readyz')).status).toBe(503);
    for (const response of two)
      expect(await refusalOf(response)).toMatchObject({ status: 504, code: 'deadline' });
    expect((await guarded.app.request('/readyz')).status).toBe(200);
  });

  it('starts its models again when their process dies', async () => {
    const before = guarded.modelPid()!;
    process.kill(before, 'SIGKILL');
    while (guarded.modelPid() === before) await sleep(10);
    expect((await guarded.app.request('/readyz')).status).toBe(503);
    while (guarded.modelPid() === undefined) await sleep(50);
    const response = await post(bytesOf(photo), '', { authorization: 'Bearer open-sesame' }, guarded);
    expect(response.status).toBe(200);
    expect(
      await (
        await guarded.app.request('/metrics', { headers: { authorization: 'Bearer open-sesame' } })
      ).text(),
    ).toMatch(/^showtell_model_restarts_total 1$/m);
  });
});

describe('a service on a port', () => {
  it('finishes what it accepted when it is closed, and frees the place of a client that left', async () => {
    const own = await createService({ checkpoints: [checkpoints()[0]], batchWindow: 300 });
    const server = await listen(own, { host: '127.0.0.1', port: 0, seconds: 30 });
    const send = (signal?: AbortSignal) =>
      fetch(`${server.url}/api/captions`, { method: 'POST', body: bytesOf(photo), signal });
    const inFlight = async () =>
      /^showtell_requests_in_flight (\d+)$/m.exec(await (await fetch(`${server.url}/metrics`)).text())![1];

    const leaving = new AbortController();
    const left = send(leaving.signal);
    while ((await inFlight()) !== '1') await sleep(5);
    leaving.abort();
    await expect(left).rejects.toThrow();
    while ((await inFlight()) !== '0') await sleep(5);

    const accepted = send();
    while ((await inFlight()) !== '1') await sleep(5);
    const closed = server.close();
    expect((await accepted).status).toBe(200);
    await closed;
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
    expect(own.modelPid()).toBeUndefined();
  });

  it('says what is wrong with an address or a checkpoint', async () => {
    const server = await listen(service, { host: '127.0.0.1', port: 0, seconds: 30 });
    const port = Number(new URL(server.url).port);
    await expect(listen(service, { host: '127.0.0.1', port, seconds: 30 })).rejects.toThrow(
      /is taken by another/,
    );
    await expect(listen(service, { host: '192.0.2.1', port: 0, seconds: 30 })).rejects.toThrow(
      /has no address/,
    );
    await expect(createService({ checkpoints: [join(directory, 'none')] })).rejects.toThrow(
      /there is no checkpoint/,
    );
    await expect(createService({ checkpoints: [checkpoints()[0], checkpoints()[0]] })).rejects.toThrow(
      /both be called/,
    );
    await expect(createService({ checkpoints: checkpoints(), token: 'a b' })).rejects.toThrow(/the token/);
  });
});
