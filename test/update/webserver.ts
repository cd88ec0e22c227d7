// A real web server for releases, which breaks off, lies, stalls or knows no ranges on demand.

import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export type Manners = {
  breakAfter?: number; // bytes of each answer, then the connection is gone
  stallAfter?: number; // bytes, then silence
  ranges?: boolean;
  alter?: number; // this byte of an archive is another
  status?: number; // of everything
  redirect?: string; // to the same path there
};

export class WebServer {
  readonly requests: string[] = [];
  manners: Manners = {};
  private readonly server = createServer((request, response) => this.answer(request, response));

  constructor(private readonly folder: string) {}

  async start(port = 0, host = '127.0.0.1'): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(port, host, resolve));
    return this;
  }

  get url(): string {
    const { address, port } = this.server.address() as AddressInfo;
    return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const { breakAfter, stallAfter, ranges = true, alter, status, redirect } = this.manners;
    const { url = '', headers } = request;
    this.requests.push(`${url} ${headers.range ?? ''}`.trim());
    if (redirect !== undefined) {
      response.writeHead(302, { location: `${redirect}${url}` }).end();
      return;
    }
    let bytes: Buffer;
    try {
      bytes = readFileSync(join(this.folder, decodeURIComponent(url)));
    } catch {
      response.writeHead(404).end();
      return;
    }
    if (status !== undefined) {
      response.writeHead(status).end();
      return;
    }
    if (alter !== undefined && url.endsWith('.tar.gz')) bytes[alter] = (bytes[alter] ?? 0) ^ 1;
    const [, from] = /^bytes=(\d+)-$/.exec(headers.range ?? '') ?? [];
    const start = ranges ? Number(from ?? 0) : 0;
    const rest = bytes.subarray(start);
    const range = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
    const partly = ranges && from !== undefined;
    response.writeHead(partly ? 206 : 200, {
      'content-length': rest.length,
      ...(partly && range),
    });
    const most = breakAfter ?? stallAfter;
    if (most === undefined || rest.length <= most) {
      response.end(rest);
      return;
    }
    response.write(rest.subarray(0, most), () => {
      if (breakAfter !== undefined) setTimeout(() => response.destroy(), 20);
    });
  }
}
