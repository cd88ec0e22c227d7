// What members do for one another about releases: an HTTP server on this node's overlay address,
// which nobody but members reaches, and where the source address is the identity.
//
//   GET /release          {"version": "0.2.0", "confirmed": true, "archives": ["HASH"]}
//   GET /manifest         the newest announcement that is known here, or 204
//   GET /chunks/HASH      the chunk file of an archive that lies here whole
//   GET /archive/HASH     the archive; Range: bytes=N- is understood
//   GET /reach            asks this node to connect to the asker: is it reached from outside?
//   GET /reached          that connection

import { createReadStream, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';

export const SERVICE_PORT = 8378;
const CONNECTIONS_MAX = 8; // each holds some 100 KiB while it sends
const IDLE_MS = 30_000;
const KNOCKS_MAX = 4; // connections that others had us open, at a time

export type ServerOptions = Readonly<{
  address: string; // ours in the overlay, IPv6
  port?: number;
  folder: () => string | undefined; // of archives
  /** The name of the member with this overlay address. */
  memberAt(address: string): string | undefined;
  release(): Readonly<{ version: string; confirmed: boolean }>;
  manifest(): Uint8Array | undefined;
  /** A member connected. */
  onReached(name: string): void;
  /** Connects to a member, since it asked. */
  reach(address: string): Promise<unknown>;
}>;

export class ReleaseServer {
  private readonly server: Server;
  private knocks = 0;

  constructor(private readonly options: ServerOptions) {
    this.server = createServer({ maxHeaderSize: 4_096 }, (request, response) => {
      this.answer(request, response);
    });
    this.server.maxConnections = CONNECTIONS_MAX;
    this.server.headersTimeout = IDLE_MS;
    this.server.requestTimeout = IDLE_MS;
    this.server.timeout = IDLE_MS;
  }

  /** Rejects where the address is not there (yet), or the port taken. */
  listen(): Promise<void> {
    const { address: host, port = SERVICE_PORT } = this.options;
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host, port, ipv6Only: true }, () => {
        this.server.off('error', reject);
        this.server.on('error', () => {}); // a connection that could not be taken: it comes again
        resolve();
      });
    });
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const address = request.socket.remoteAddress ?? '';
    const name = this.options.memberAt(address);
    if (name === undefined || request.method !== 'GET') {
      end(response, 403);
      return;
    }
    this.options.onReached(name);
    const [, what = '', hash] = /^\/([a-z]+)(?:\/([0-9a-f]{64}))?$/.exec(request.url ?? '') ?? [];
    if (what === 'release')
      json(response, { ...this.options.release(), archives: this.archives() });
    else if (what === 'manifest') bytes(response, this.options.manifest());
    else if (what === 'chunks') this.sendChunks(hash, response);
    else if (what === 'archive') this.sendArchive(hash, request, response);
    else if (what === 'reach') this.knock(address, response);
    else end(response, what === 'reached' ? 204 : 404);
  }

  /** One connection back per question, and few at a time: nobody is made a flood of. */
  private knock(address: string, response: ServerResponse): void {
    if (this.knocks >= KNOCKS_MAX) {
      end(response, 503);
      return;
    }
    this.knocks++;
    const done = () => {
      this.knocks--;
    };
    this.options.reach(address).then(done, done);
    end(response, 202);
  }

  private archives(): string[] {
    const folder = this.options.folder();
    try {
      const names = folder === undefined ? [] : readdirSync(folder);
      return names.flatMap((name) => /^([0-9a-f]{64})\.tar\.gz$/.exec(name)?.[1] ?? []);
    } catch {
      return [];
    }
  }

  private pathOf(hash: string | undefined, ending: string): string | undefined {
    const folder = this.options.folder();
    if (folder === undefined || hash === undefined) return undefined;
    return this.archives().includes(hash) ? join(folder, `${hash}.${ending}`) : undefined;
  }

  private sendChunks(hash: string | undefined, response: ServerResponse): void {
    try {
      const path = this.pathOf(hash, 'chunks');
      bytes(response, path === undefined ? undefined : readFileSync(path));
    } catch {
      end(response, 404);
    }
  }

  private sendArchive(
    hash: string | undefined,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const path = this.pathOf(hash, 'tar.gz');
    const size = path === undefined ? 0 : statSync(path).size;
    const [, from] = /^bytes=(\d{1,15})-$/.exec(request.headers.range ?? '') ?? [];
    const start = Number(from ?? 0);
    if (path === undefined || start >= size) {
      end(response, path === undefined ? 404 : 416);
      return;
    }
    const headers = { 'content-length': size - start, 'content-type': 'application/gzip' };
    if (from === undefined) response.writeHead(200, headers);
    else
      response.writeHead(206, {
        ...headers,
        'content-range': `bytes ${start}-${size - 1}/${size}`,
      });
    const file = createReadStream(path, { start });
    file.on('error', () => response.destroy());
    response.on('close', () => file.destroy());
    file.pipe(response);
  }
}

function end(response: ServerResponse, status: number): void {
  response.writeHead(status).end();
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function bytes(response: ServerResponse, content: Uint8Array | undefined): void {
  const head = { 'content-type': 'application/octet-stream' };
  if (content === undefined) end(response, 204);
  else response.writeHead(200, head).end(content);
}
