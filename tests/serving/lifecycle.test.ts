/** A service from start to end: who is let in, what happens when something dies, how it stops. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createService, listen, type Service } from '../../src/serve/index.js';
import { noisyPhoto, post, refusalOf, writeCheckpoints, type Checkpoints } from './requests.js';

let checkpoints: Checkpoints;
let photo: Buffer;

beforeAll(async () => {
  checkpoints = await writeCheckpoints();
  photo = await noisyPhoto();
});

afterAll(() => checkpoints.remove());

describe('a service with a token', () => {
  let guarded: Service;
  beforeAll(async () => {
    guarded = await createService({
      checkpoints: [checkpoints.lstm],
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
    expect(await refusalOf(post(guarded, photo, '', {}))).toMatchObject({ status: 401 });
    expect(await refusalOf(post(guarded, photo, '', { authorization: 'Bearer no' }))).toMatchObject({
      code: 'unauthorized',
    });
    const right = await post(guarded, photo, '', { authorization: 'Bearer open-sesame' });
    expect(right.status).toBe(200);
    for (const path of ['/', '/healthz', '/readyz', '/api/openapi.json']) {
      expect((await guarded.app.request(path)).status, path).toBe(200);
    }
  });

  it('lets the pages of its origins in, and no others', async () => {
    const headers = { 'sec-fetch-site': 'cross-site', authorization: 'Bearer open-sesame' };
    const own = await post(guarded, photo, '', { ...headers, origin: 'https://example.org' });
    expect(own.status).toBe(200);
    expect(own.headers.get('access-control-allow-origin')).toBe('https://example.org');
    const other = await post(guarded, photo, '', { ...headers, origin: 'https://example.com' });
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
    const third = await refusalOf(post(guarded, photo, '', { authorization: 'Bearer open-sesame' }));
    expect(third).toMatchObject({ status: 503, code: 'busy' });
    expect(Number(third.retryAfter)).toBeGreaterThanOrEqual(1);
    expect((await guarded.app.request('/readyz')).status).toBe(503);
    for (const response of two)
      expect(await refusalOf(response)).toMatchObject({ status: 504, code: 'deadline' });
    expect((await guarded.app.request('/readyz')).status).toBe(200);
  });

  it('starts its models again when their process dies; what they were at work on fails', async () => {
    const before = guarded.modelPid()!;
    process.kill(before, 'SIGSTOP'); // so that it is at work on the photo when it is killed
    const lost = post(guarded, photo, '', { authorization: 'Bearer open-sesame' });
    await sleep(300);
    process.kill(before, 'SIGKILL');
    expect(await refusalOf(lost)).toMatchObject({ status: 500, code: 'model_failed' });
    while (guarded.modelPid() === before) await sleep(10);
    expect((await guarded.app.request('/readyz')).status).toBe(503);
    while (guarded.modelPid() === undefined) await sleep(50);
    const response = await post(guarded, photo, '', { authorization: 'Bearer open-sesame' });
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
    const own = await createService({ checkpoints: [checkpoints.attention], batchWindow: 300 });
    const server = await listen(own, { host: '127.0.0.1', port: 0, seconds: 30 });
    const send = (signal?: AbortSignal) =>
      fetch(`${server.url}/api/captions`, { method: 'POST', body: new Uint8Array(photo), signal });
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

  it('frees the place of a client that leaves its events', async () => {
    const own = await createService({ checkpoints: [checkpoints.attention], batchWindow: 60_000 });
    const server = await listen(own, { host: '127.0.0.1', port: 0, seconds: 30 });
    const leaving = new AbortController();
    const response = await fetch(`${server.url}/api/captions`, {
      method: 'POST',
      body: new Uint8Array(photo),
      headers: { accept: 'text/event-stream' },
      signal: leaving.signal,
    });
    expect(response.status).toBe(200);
    leaving.abort();
    await server.close(); // would wait for the photo's window of a minute
  });

  it('is what `showtell serve` starts, and ends at SIGTERM', async () => {
    const argv = ['serve', '--checkpoint', checkpoints.lstm, '--port', '0'];
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL('../../bin/showtell.mjs', import.meta.url)), ...argv],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
    const answer = await fetch(`${url}/api/captions`, { method: 'POST', body: new Uint8Array(photo) });
    expect(answer.status).toBe(200);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(log).toMatch(/serving lstm\n/);
    expect(log).toMatch(/stopped\n$/);
  });

  it('says what is wrong with an address or a checkpoint', async () => {
    const other = await createService({ checkpoints: [checkpoints.lstm] });
    const server = await listen(other, { host: '127.0.0.1', port: 0, seconds: 30 });
    const port = Number(new URL(server.url).port);
    await expect(listen(other, { host: '127.0.0.1', port, seconds: 30 })).rejects.toThrow(
      /is taken by another/,
    );
    await expect(listen(other, { host: '192.0.2.1', port: 0, seconds: 30 })).rejects.toThrow(
      /has no address/,
    );
    await server.close();
    await expect(createService({ checkpoints: [`${checkpoints.lstm}-none`] })).rejects.toThrow(
      /there is no checkpoint/,
    );
    await expect(
      createService({ checkpoints: [checkpoints.attention, checkpoints.attention] }),
    ).rejects.toThrow(/both be called/);
    await expect(createService({ checkpoints: [checkpoints.lstm], token: 'a b' })).rejects.toThrow(
      /the token/,
    );
  });
});
