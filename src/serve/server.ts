/** The service on a port of this machine. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { UserError } from '../core/index.js';
import type { Service } from './service.js';

export interface ListenOptions {
  host: string;
  /** 0: any that is free. */
  port: number;
  /** Seconds within which a request must have come whole. */
  seconds: number;
}

export interface Listening {
  /** As `http://127.0.0.1:8080`. */
  url: string;
  /** Takes no more connections, finishes what was accepted, closes the service. */
  close(): Promise<void>;
}

/** Connections beyond the requests that are let in: pages, probes, and those who are told to come back. */
const MOST_CONNECTIONS = 2048;

/** @throws UserError where the address cannot be had */
export async function listen(service: Service, { host, port, seconds }: ListenOptions): Promise<Listening> {
  const server = await new Promise<Server>((resolve, reject) => {
    const starting = serve(
      {
        fetch: service.app.fetch,
        hostname: host,
        port,
        overrideGlobalObjects: false,
        serverOptions: {
          requestTimeout: seconds * 1000,
          headersTimeout: Math.min(10, seconds) * 1000,
          keepAliveTimeout: 65_000, // longer than proxies keep theirs, which are mostly 60 s
          connectionsCheckingInterval: 5000,
          maxHeaderSize: 16 * 1024,
        },
      },
      () => resolve(starting as Server),
    );
    starting.on('error', (error: NodeJS.ErrnoException) => reject(explain(error, host, port)));
  });
  server.maxConnections = MOST_CONNECTIONS;
  // Of a client that neither sends nor reads.
  server.setTimeout((seconds + 30) * 1000);
  const address = server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${name}:${address.port}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await service.close();
      // Answers that are still on their way get a moment; connections that are kept open for nothing do not.
      const last = setTimeout(() => server.closeAllConnections(), 2000);
      server.closeIdleConnections();
      await closed;
      clearTimeout(last);
    },
  };
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const where = `${host}:${port}`;
  const options = { cause: error };
  if (error.code === 'EADDRINUSE') {
    return new UserError(`${where} is taken by another program`, {
      hint: 'choose another --port',
      ...options,
    });
  }
  if (error.code === 'EACCES') {
    return new UserError(`${where} may not be used by this user`, {
      hint: 'choose a --port of 1024 or more',
      ...options,
    });
  }
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') {
    return new UserError(`this machine has no address ${host}`, {
      hint: '--host 127.0.0.1 serves this machine, --host 0.0.0.0 its network',
      ...options,
    });
  }
  return error;
}
