import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { download, type DownloadOptions } from './download.js';
import { UserError } from './errors.js';
import { silentLog } from './log.js';

const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) % 251));
const sha = (data: Buffer) => createHash('sha256').update(data).digest('hex');

let folder: string;
let target: string;
let server: Server | undefined;
let requests: IncomingMessage[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'showtell-download-'));
  target = join(folder, 'weights', 'file.pth');
  requests = [];
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Answers the n-th request by the n-th function, the last one also later. */
async function serve(...answers: ((req: IncomingMessage, res: ServerResponse) => void)[]): Promise<string> {
  server = createServer((req, res) => {
    requests.push(req);
    answers[Math.min(requests.length, answers.length) - 1](req, res);
  });
  await new Promise<void>((go) => server!.listen(0, '127.0.0.1', go));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.pth`;
}

/** As a good server does; `etag` is the version. */
const whole =
  (etag = '"1"', body = content) =>
  (req: IncomingMessage, res: ServerResponse) => {
    const from = Number(/^bytes=(\d+)-$/.exec(req.headers.range ?? '')?.[1] ?? 0);
    if (from > 0 && req.headers['if-range'] === etag) {
      const range = `bytes ${from}-${body.length - 1}/${body.length}`;
      res.writeHead(206, { etag, 'content-range': range, 'content-length': body.length - from });
      res.end(body.subarray(from));
    } else {
      res.writeHead(200, { etag, 'content-length': body.length });
      res.end(body);
    }
  };
/** Breaks off after `bytes`; whoever goes on is given the rest. */
const breaksOff =
  (bytes: number, etag: string | null = '"1"') =>
  (_: IncomingMessage, res: ServerResponse) => {
    res.writeHead(200, { ...(etag && { etag }), 'content-length': content.length });
    res.write(content.subarray(0, bytes));
    // Not before they are on the disk: a busy machine takes its time.
    const timer = setInterval(() => {
      if (res.destroyed || (statSync(`${target}.part`, { throwIfNoEntry: false })?.size ?? 0) < bytes) return;
      clearInterval(timer);
      res.destroy();
    }, 10);
  };
const status =
  (code: number, headers = {}) =>
  (_: IncomingMessage, res: ServerResponse) =>
    void res.writeHead(code, headers).end();

const get = (url: string, changes: Partial<DownloadOptions> = {}) =>
  download(url, target, {
    log: silentLog,
    pauseMs: 1,
    tries: 3,
    stallMs: 2000,
    check(path) {
      if (sha(readFileSync(path)) !== sha(content)) throw new UserError('it is another file');
      return Promise.resolve();
    },
    ...changes,
  });
const arrived = () => {
  expect(readFileSync(target).equals(content)).toBe(true);
  expect(existsSync(`${target}.part`)).toBe(false);
  expect(existsSync(`${target}.part.json`)).toBe(false);
};

describe('download', () => {
  it('goes on where a connection broke off', async () => {
    await get(await serve(breaksOff(100_000), whole()));
    arrived();
    expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=100000-']);
    expect(requests[1].headers['if-range']).toBe('"1"');
  });

  it('begins anew when the file has changed meanwhile, or has no version', async () => {
    await get(await serve(breaksOff(100_000, '"0"'), whole('"1"')));
    arrived();
    rmSync(target);
    requests = [];
    server!.close();
    await get(await serve(breaksOff(100_000, null), whole()));
    arrived();
    expect(requests[1].headers.range).toBeUndefined();
  });

  it('begins anew where the server knows no ranges, or sends others', async () => {
    const ignores = (req: IncomingMessage, res: ServerResponse) => {
      delete req.headers.range;
      whole()(req, res);
    };
    await get(await serve(breaksOff(100_000), ignores));
    arrived();
    rmSync(target);
    requests = [];
    server!.close();
    const other = { etag: '"1"', 'content-range': 'bytes 5-299999/300000' };
    await get(await serve(breaksOff(100_000), status(206, other), whole()));
    arrived();
  });

  it('gives up when nothing more comes, and keeps what came for the next time', async () => {
    const url = await serve(breaksOff(100_000), status(503), status(503), status(503), whole());
    await expect(get(url)).rejects.toThrow(/the server answered 503/);
    expect(readFileSync(`${target}.part`).length).toBe(100_000);
    expect(existsSync(target)).toBe(false);
    await get(url);
    arrived();
    expect(requests.at(-1)!.headers.range).toBe('bytes=100000-');
  });

  it('a length that is too long is a connection that broke; one that is too short, another file', async () => {
    const long = (_: IncomingMessage, res: ServerResponse) => {
      res.writeHead(200, { 'content-length': content.length + 10 });
      res.write(content, () => res.destroy());
    };
    await expect(get(await serve(long))).rejects.toThrow(UserError);
    expect(existsSync(target)).toBe(false);
    server!.close();
    const short = (_: IncomingMessage, res: ServerResponse) => {
      res.writeHead(200, { 'content-length': 1000, connection: 'close' });
      res.socket!.write(''); // headers first
      res.end(content.subarray(0, 1000));
    };
    await expect(get(await serve(short))).rejects.toThrow(/it is another file/);
  });

  it('deletes a file that fails its check', async () => {
    await expect(get(await serve(whole('"1"', Buffer.from('other'))))).rejects.toThrow(/it is another file/);
    expect(existsSync(target)).toBe(false);
    expect(existsSync(`${target}.part`)).toBe(false);
  });

  it('keeps a file whose check was aborted, and does not ask for more of it', async () => {
    const controller = new AbortController();
    const url = await serve(whole(), (_, res) => {
      res.writeHead(416, { etag: '"1"', 'content-range': `bytes */${content.length}` });
      res.end();
    });
    const aborted = get(url, {
      signal: controller.signal,
      check() {
        controller.abort();
        return Promise.reject(new Error('hashing was aborted'));
      },
    });
    await expect(aborted).rejects.toThrow(/abort/i);
    expect(statSync(`${target}.part`).size).toBe(content.length);
    await get(url);
    arrived();
    expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, `bytes=${content.length}-`]);
  });

  it('leaves a server that sends nothing more, and goes on', async () => {
    const stalls = (_: IncomingMessage, res: ServerResponse) => {
      res.writeHead(200, { etag: '"1"', 'content-length': content.length });
      res.write(content.subarray(0, 5000));
    };
    await get(await serve(stalls, whole()), { stallMs: 200 });
    arrived();
    expect(requests[1].headers.range).toBe('bytes=5000-');
  });

  it('is patient with a server that is slow', async () => {
    const slow = (_: IncomingMessage, res: ServerResponse) => {
      res.writeHead(200, { 'content-length': content.length });
      let at = 0;
      const timer = setInterval(() => {
        res.write(content.subarray(at, (at += 30_000)));
        if (at >= content.length) {
          clearInterval(timer);
          res.end();
        }
      }, 40);
    };
    await get(await serve(slow), { stallMs: 300 });
    arrived();
  });

  it('follows a redirect, and names an answer that is none', async () => {
    await get(await serve(status(302, { location: '/elsewhere' }), whole()));
    arrived();
    server!.close();
    requests = [];
    await expect(get(await serve(status(404)))).rejects.toThrow(/the server answered 404/);
    expect(requests.length).toBe(1);
  });

  it('keeps what came when it is aborted', async () => {
    const controller = new AbortController();
    const stalls = (_: IncomingMessage, res: ServerResponse) => {
      res.writeHead(200, { etag: '"1"', 'content-length': content.length });
      res.write(content.subarray(0, 5000), () => setTimeout(() => controller.abort(), 50));
    };
    const url = await serve(stalls, whole());
    await expect(get(url, { signal: controller.signal })).rejects.toThrow(/abort/i);
    await get(url);
    arrived();
    expect(requests[1].headers.range).toBe('bytes=5000-');
  });

  it('goes through a proxy', async () => {
    const origin = await serve(whole());
    const seen: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (req, socket) => {
      seen.push(req.url!);
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const { port } = server!.address() as AddressInfo;
      void import('node:net').then(({ connect }) => {
        const to = connect(port, '127.0.0.1');
        socket.pipe(to).pipe(socket);
        to.on('error', () => socket.destroy());
        socket.on('error', () => to.destroy());
      });
    });
    proxy.on('request', (req, res) => {
      seen.push(req.url!);
      req.pipe(
        request(
          req.url!,
          { headers: req.headers },
          (r) => void r.pipe(res.writeHead(r.statusCode!, r.headers)),
        ),
      );
    });
    await new Promise<void>((go) => proxy.listen(0, '127.0.0.1', go));
    const { port } = proxy.address() as AddressInfo;
    await get(origin.replace('127.0.0.1', 'weights.test').replace(/:\d+/, ''), {
      proxies: { http: `http://127.0.0.1:${port}` },
    }).finally(() => proxy.close());
    arrived();
    expect(seen[0]).toContain('weights.test');
  });

  it('says which server it could not reach', async () => {
    const url = await serve(whole());
    await new Promise((go) => server!.close(go));
    await expect(get(url)).rejects.toThrow(/cannot download http:\/\/127\.0\.0\.1:.*: .*ECONNREFUSED/);
  });

  it('says what it cannot write', async () => {
    writeFileSync(join(folder, 'weights'), 'a file where the folder should be');
    await expect(get(await serve(whole()))).rejects.toThrow(/cannot write/);
  });
});
