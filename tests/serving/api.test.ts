/** The application of the service, without a socket. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import sharp from 'sharp';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Random, silentLog } from '../../src/core/index.js';
import { Captioner } from '../../src/infer/index.js';
import { createService, type CaptionsResponse, type Service } from '../../src/serve/index.js';
import { captionsResponse, errorResponse, modelsResponse, streamEvents } from '../../src/serve/schemas.js';
import { noisyPhoto, post, postForm, refusalOf, writeCheckpoints, type Checkpoints } from './requests.js';

let checkpoints: Checkpoints;
let service: Service;
let photo: Buffer;
const warnings: string[] = [];

beforeAll(async () => {
  checkpoints = await writeCheckpoints();
  photo = await noisyPhoto();
  service = await createService({
    checkpoints: [checkpoints.attention, checkpoints.lstm],
    limits: { uploadBytes: 200_000, pixels: 1_000_000 },
    log: { ...silentLog, warn: (line) => void warnings.push(line) },
  });
});

afterAll(async () => {
  await service.close();
  checkpoints.remove();
});

describe('POST /api/captions', () => {
  it('gives what the captioner gives, of every model, in their order', async () => {
    const response = await post(service, photo, '?beam=3&captions=2&attention=true&maxWords=8');
    expect(response.status).toBe(200);
    const answer = captionsResponse.parse(await response.json());
    expect(answer.image).toEqual({ width: 96, height: 64 });
    expect(answer.results.map(({ model }) => model)).toEqual(['attention', 'lstm']);
    for (const [i, checkpoint] of [checkpoints.attention, checkpoints.lstm].entries()) {
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
    const image = new Blob([new Uint8Array(photo)]);
    const whole = (await (await post(service, photo, '?models=lstm&beam=2')).json()) as CaptionsResponse;
    const parts = await postForm(service, { image, models: 'lstm', beam: '2' });
    expect(await parts.json()).toEqual(whole);
    const plain = await service.app.request('/api/captions?models=lstm&beam=2', {
      method: 'POST',
      body: new Uint8Array(photo),
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
      const answer = (await (await post(service, bytes, '?models=attention')).json()) as CaptionsResponse;
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
    const response = await post(service, photo, '?beam=2&minWords=3&maxWords=6', {
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
      await post(service, photo, '?beam=2&minWords=3&maxWords=6')
    ).json()) as CaptionsResponse;
    expect(events.filter(({ name }) => name === 'result').map(({ data }) => data)).toEqual(
      expect.arrayContaining(results.map(({ model }) => expect.objectContaining({ model }))),
    );
  });

  it('refuses with a code and a sentence', async () => {
    const image = new Blob([new Uint8Array(photo)]);
    const refused = [
      [post(service, null), 400, 'empty_image'],
      [post(service, 'hello'), 415, 'unsupported_image'],
      [post(service, photo.subarray(0, 200)), 422, 'damaged_image'],
      [post(service, photo, '?beam=99'), 400, 'bad_field'],
      [post(service, photo, '?temperature=2'), 400, 'bad_field'],
      [post(service, photo, '?prefix=zebra'), 400, 'bad_field'],
      [post(service, photo, '?models=other'), 400, 'unknown_model'],
      [post(service, '{}', '', { 'content-type': 'application/json' }), 415, 'unsupported_body'],
      [post(service, 'x', '', { 'content-type': 'multipart/form-data' }), 400, 'bad_form'],
      [post(service, 'x', '', { 'content-type': 'multipart/form-data; boundary=y' }), 400, 'bad_form'],
      [postForm(service, { beam: '2' }), 400, 'no_image'],
      [postForm(service, { picture: image }), 400, 'no_image'],
      [postForm(service, { image, other: image }), 400, 'several_files'],
      [postForm(service, { image, beam: 'two' }), 400, 'bad_field'],
      [post(service, new Uint8Array(200_001)), 413, 'body_too_large'],
      [post(service, photo, '', { 'content-length': '200001' }), 413, 'body_too_large'],
      [post(service, photo, '', { 'sec-fetch-site': 'cross-site' }), 403, 'cross_site'],
      [service.app.request('/api/captions'), 405, 'method_not_allowed'],
      [service.app.request('/etc/passwd'), 404, 'not_found'],
      [service.app.request('/page/../../package.json'), 404, 'not_found'],
      [service.app.request('/page/%2e%2e%2fpackage.json'), 404, 'not_found'],
    ] as const;
    for (const [response, status, code] of refused) {
      expect(await refusalOf(response)).toMatchObject({ status, code });
    }
    const fields = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`field${i}`, 'x']));
    expect(await refusalOf(postForm(service, fields))).toMatchObject({ code: 'bad_form' });
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
      const response = await post(service, new Uint8Array(bytes.subarray(0, cut)), '?models=lstm&maxWords=2');
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
    for (const [, path] of html.matchAll(/(?:src|href)="(\/page\/[^"]*)"/g)) {
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
