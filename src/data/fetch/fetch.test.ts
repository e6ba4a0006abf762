/** Fetching, from a server of our own. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { zip } from '../../../tests/fake-setup.js';
import { silentLog, UserError, type Log } from '../../core/index.js';
import { collections, type Collection } from './collections.js';
import { fetchCollection, type FetchOptions } from './fetch.js';

const archives: Record<string, Buffer> = {
  'text.zip': zip({ 'captions.txt': 'image,caption\na.jpg,A dog\n', '__MACOSX/captions.txt': 'shadow' }),
  'photos.zip': zip({ 'photos/a.jpg': 'a'.repeat(50_000), 'photos/readme': 'not wanted' }),
};
const sha = (name: string) => createHash('sha256').update(archives[name]).digest('hex');

let folder: string;
let server: Server | undefined;
let requests: IncomingMessage[];
let lines: string[];
const log: Log = {
  ...silentLog,
  info: (line) => lines.push(line),
  warn: (line) => lines.push(`warning: ${line}`),
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'showtell-fetch-'));
  requests = [];
  lines = [];
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Serves the archives with versions and ranges. @param answer may answer the n-th request otherwise */
async function serve(answer: (n: number, res: ServerResponse) => boolean = () => false): Promise<string> {
  server = createServer((req, res) => {
    requests.push(req);
    if (answer(requests.length, res)) return;
    const body = archives[req.url!.split('/').at(-1)!];
    if (!body) {
      res.writeHead(404).end();
      return;
    }
    const from = Number(/^bytes=(\d+)-$/.exec(req.headers.range ?? '')?.[1] ?? 0);
    const range = from > 0 && { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` };
    res.writeHead(from > 0 ? 206 : 200, { etag: '"1"', 'content-length': body.length - from, ...range });
    res.end(body.subarray(from));
  });
  await new Promise<void>((go) => server!.listen(0, '127.0.0.1', go));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mirror`;
}

const collection = (sha256: string | null = null): Collection => {
  const archive = (name: string, place: (name: string) => string | undefined) => ({
    name,
    url: `https://nowhere.test/${name}`,
    bytes: 1000,
    unpackedBytes: 5000,
    sha256: name === 'text.zip' ? sha256 : null,
    place,
  });
  return {
    title: 'Tiny',
    licence: [],
    archives: [
      archive('text.zip', (name) => (name === 'captions.txt' ? name : undefined)),
      archive('photos.zip', (name) =>
        name.endsWith('.jpg') ? name.replace('photos/', 'images/') : undefined,
      ),
    ],
    settings: () => [],
  };
};
const directory = () => join(folder, 'tiny');
const at = (name: string) => join(directory(), name);
const get = (given: Collection, changes: Partial<FetchOptions> = {}) =>
  fetchCollection(given, { directory: directory(), log, freeBytes: () => Promise.resolve(1e12), ...changes });
const record = (name: string) => JSON.parse(readFileSync(at(`archives/${name}.json`), 'utf8')) as object;
function arrived(): void {
  expect(readFileSync(at('captions.txt'), 'utf8')).toContain('A dog');
  expect(readFileSync(at('images/a.jpg'), 'utf8')).toHaveLength(50_000);
}

describe('fetchCollection', () => {
  it('downloads, unpacks and tidies up; writes the hashes down; and does nothing the second time', async () => {
    const from = await serve();
    await get(collection(), { from });
    arrived();
    expect(readdirSync(directory()).sort()).toEqual(['archives', 'captions.txt', 'images']);
    expect(readdirSync(at('archives')).sort()).toEqual(['photos.zip.json', 'text.zip.json']);
    expect(record('text.zip')).toEqual({
      source: `${from}/text.zip`,
      sha256: sha('text.zip'),
      published: null,
      files: 1,
    });
    expect(lines.join('\n')).toContain(`SHA-256 of text.zip: ${sha('text.zip')}; its publisher states none`);
    await get(collection(), { from });
    expect(requests).toHaveLength(2);
    expect(lines.at(-1)).toBe('2 of 2 archives are unpacked already');
  });

  it('goes on with a download that was interrupted', async () => {
    const controller = new AbortController();
    const from = await serve((n, res) => {
      if (n !== 2) return false;
      res.writeHead(200, { etag: '"1"', 'content-length': archives['photos.zip'].length });
      res.write(archives['photos.zip'].subarray(0, 20_000));
      // Not before they are on the disk.
      const timer = setInterval(() => {
        if ((statSync(at('archives/photos.zip.part'), { throwIfNoEntry: false })?.size ?? 0) < 20_000) return;
        clearInterval(timer);
        controller.abort();
      }, 10);
      return true;
    });
    await expect(get(collection(), { from, signal: controller.signal })).rejects.toThrow(/abort/i);
    expect(existsSync(at('images'))).toBe(false);
    await get(collection(), { from });
    arrived();
    expect(requests.map(({ url, headers }) => [url, headers.range])).toEqual([
      ['/mirror/text.zip', undefined],
      ['/mirror/photos.zip', undefined],
      ['/mirror/photos.zip', 'bytes=20000-'],
    ]);
  });

  it('holds an archive to the published hash', async () => {
    const from = await serve();
    await get(collection(sha('text.zip')), { from });
    expect(record('text.zip')).toMatchObject({ published: sha('text.zip') });
    rmSync(directory(), { recursive: true });
    await expect(get(collection('0'.repeat(64)), { from })).rejects.toThrow(
      `${from}/text.zip is not the published text.zip: its SHA-256 is ${sha('text.zip')}, not 000`,
    );
    expect(readdirSync(at('archives'))).toEqual([]);
  });

  it('says when an archive without a published hash is another one than before', async () => {
    await get(collection(), { from: await serve() });
    const { files: _, ...earlier } = record('text.zip') as { files: number };
    writeFileSync(at('archives/text.zip.json'), JSON.stringify({ ...earlier, sha256: '1234' }));
    await get(collection(), { from: await serve() });
    expect(lines.join('\n')).toMatch(/warning: .*text\.zip is not what it was: .* of the earlier one 1234/);
  });

  it('takes archives from a folder, and leaves them there', async () => {
    const from = join(folder, 'elsewhere');
    mkdirSync(from);
    writeFileSync(join(from, 'text.zip'), archives['text.zip']);
    await expect(get(collection(), { from })).rejects.toThrow(`there is no file ${join(from, 'photos.zip')}`);
    writeFileSync(join(from, 'photos.zip'), archives['photos.zip']);
    await get(collection(), { from });
    arrived();
    expect(readdirSync(from)).toHaveLength(2);
  });

  it('keeps archives where it is told to, and needs no server then', async () => {
    await get(collection(), { from: await serve(), keepArchives: true });
    expect(readdirSync(at('archives'))).toHaveLength(4);
    for (const name of ['text.zip', 'photos.zip']) rmSync(at(`archives/${name}.json`));
    rmSync(at('captions.txt'));
    await get(collection());
    arrived();
  });

  it('asks for free space first: what is unpacked, and the largest archive', async () => {
    const from = await serve();
    await expect(get(collection(), { from, freeBytes: () => Promise.resolve(10_999) })).rejects.toThrow(
      UserError,
    );
    expect(requests).toHaveLength(0);
    await get(collection(), { from, freeBytes: () => Promise.resolve(11_000) });
    rmSync(directory(), { recursive: true });
    const kept = { from, keepArchives: true, freeBytes: () => Promise.resolve(11_999) };
    await expect(get(collection(), kept)).rejects.toThrow(/are needed in .*tiny, .* are free/);
  });

  it.each<[string, Buffer, RegExp]>([
    ['cut off', archives['text.zip'].subarray(0, 60), /text\.zip is damaged: /],
    ['another one', zip({ 'other.txt': '' }), /text\.zip holds none of the files that text\.zip should hold/],
  ])('refuses an archive that is %s', async (_, bytes, message) => {
    const from = await serve((_n, res) => {
      res.writeHead(200, { 'content-length': bytes.length }).end(bytes);
      return true;
    });
    await expect(get(collection(), { from })).rejects.toThrow(message);
    expect(existsSync(at('captions.txt'))).toBe(false);
  });

  it('does not compare an archive with the damaged one before it', async () => {
    const damaged = archives['text.zip'].subarray(0, 60);
    const from = await serve((n, res) => {
      if (n > 1) return false;
      res.writeHead(200, { 'content-length': damaged.length }).end(damaged);
      return true;
    });
    await expect(get(collection(), { from })).rejects.toThrow(/is damaged/);
    lines.length = 0;
    await get(collection(), { from });
    expect(lines.filter((line) => line.includes('is not what it was'))).toEqual([]);
  });

  it('says what to do when a server has no such file', async () => {
    const from = await serve((_n, res) => {
      res.writeHead(404).end();
      return true;
    });
    const error = await get(collection(), { from }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).hint).toMatch(/--from DIR; a proxy goes into HTTPS_PROXY/);
  });

  it('says what must be had by hand, until it is there', async () => {
    const from = await serve();
    const given = { ...collection(), archives: [], byHand: { folder: 'photos', how: 'ask them' } };
    await get(given, { from });
    expect(lines.join()).toContain(`warning: ${at('photos')} is empty: ask them`);
    lines = [];
    mkdirSync(at('photos'), { recursive: true });
    writeFileSync(at('photos/a.jpg'), '');
    await get(given, { from });
    expect(lines).toEqual([]);
  });
});

describe('the collections', () => {
  it.each<[string, string, [string, string | undefined][]]>([
    [
      'flickr8k',
      'Flickr8k_Dataset.zip',
      [
        ['Flicker8k_Dataset/1000268201_693b08cb0e.jpg', 'images/1000268201_693b08cb0e.jpg'],
        ['__MACOSX/Flicker8k_Dataset/._1000268201_693b08cb0e.jpg', undefined],
        ['Flicker8k_Dataset/.DS_Store', undefined],
      ],
    ],
    [
      'flickr8k',
      'Flickr8k_text.zip',
      [
        ['Flickr8k.token.txt', 'Flickr8k.token.txt'],
        ['Flickr_8k.devImages.txt', 'Flickr_8k.devImages.txt'],
        ['__MACOSX/._Flickr8k.token.txt', undefined],
        ['Flickr8k.lemma.token.txt', undefined],
        ['CrowdFlowerAnnotations.txt', undefined],
      ],
    ],
    [
      'coco',
      'train2014.zip',
      [['train2014/COCO_train2014_000000000009.jpg', 'images/train2014/COCO_train2014_000000000009.jpg']],
    ],
    [
      'coco',
      'annotations_trainval2014.zip',
      [
        ['annotations/captions_val2014.json', 'annotations/captions_val2014.json'],
        ['annotations/instances_val2014.json', undefined],
      ],
    ],
    [
      'coco',
      'caption_datasets.zip',
      [
        ['dataset_coco.json', 'dataset_coco.json'],
        ['dataset_flickr8k.json', undefined],
      ],
    ],
  ])('%s takes from %s what its layout needs', (name, archive, files) => {
    const { place } = collections[name].archives.find((each) => each.name === archive)!;
    for (const [file, target] of files) expect(place(file), file).toBe(target);
  });

  it.each(Object.keys(collections))(
    '%s says its terms, and its addresses end in the names of its archives',
    (name) => {
      const { licence, archives: own, settings } = collections[name];
      expect(licence.length).toBeGreaterThan(0);
      for (const archive of own) expect(archive.url.endsWith(`/${archive.name}`)).toBe(true);
      expect(settings('DIR').join('\n')).toContain(join('DIR', 'images'));
    },
  );
});
