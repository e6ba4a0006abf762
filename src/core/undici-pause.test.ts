import { createServer, type AddressInfo } from 'node:net';
import { Agent, fetch } from 'undici';
import { expect, it } from 'vitest';
import { eager } from './undici-pause.js';

it.each(['HTTP/1.0 200 OK', 'HTTP/1.1 200 OK\r\nconnection: close'])(
  'takes a body that is read only after the server ended the connection: %j',
  async (head) => {
    const body = Buffer.alloc(64 * 1024, 'a');
    let ended: () => void;
    const closed = new Promise<void>((go) => (ended = go));
    const server = createServer((socket) => {
      socket.once('close', () => ended());
      socket.once('data', () => {
        socket.write(`${head}\r\ncontent-length: ${body.length}\r\n\r\n`);
        socket.end(body);
      });
    });
    await new Promise<void>((go) => server.listen(0, '127.0.0.1', go));
    const agent = new Agent();
    try {
      const { interceptor } = await eager();
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const response = await fetch(url, { dispatcher: agent.compose(interceptor) });
      await closed; // a paused parser would fail its assertion before, outside of any promise
      expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
    } finally {
      await agent.destroy();
      server.close();
    }
  },
  10_000,
);
