// What the dashboard's port answers:
//
//     GET  /, /page.js, /page.css, /icon.svg    the page, to anybody
//     POST /login     {"password"} -> {"token", "node"}, or {"error", "waitSeconds"}
//     GET  /login     Authorization: Bearer TOKEN -> {"node"}, or 401: it is none any more
//     POST /logout    Authorization: Bearer TOKEN
//     GET  /metrics   figures for Prometheus, where dashboard.metrics is on
//     GET  /mqtt      WebSocket, subprotocols `mqtt` and `token.TOKEN`
//
// Only the page's own origin may use it: there are no cookies, so other pages have nothing to lend.

import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { labelOf } from '../../commands/label.js';
import type { Config } from '../../config/schema.js';
import { upgrade } from '../broker/websocket.js';
import type { DashboardOptions } from './dashboard.js';
import { Logins } from './logins.js';
import { metricsText } from './metrics.js';
import { acceptsGzip, BUILT, pageFile } from './pages.js';
import type { Room } from './room.js';

const HEADER_BYTES_MAX = 16 * 1024;
const BODY_BYTES_MAX = 1024; // a password
const CONNECTION_MS = 60_000; // of plain HTTP: whoever sends slowly is cut off, browsers come again

const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), microphone=(), geolocation=()',
} as const;

export type SiteOptions = DashboardOptions & Readonly<{ config(): Config }>;

export class Site {
  private readonly server: Server;
  private readonly logins: Logins;
  private room: Promise<Room> | undefined;

  constructor(private readonly options: SiteOptions) {
    this.logins = new Logins(options);
    this.server = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, (request, response) => {
      this.answer(request, response).catch((error) => this.failed(response, error));
    });
    this.server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => socket.destroy());
      this.upgrade(request, socket, head).catch(() => socket.destroy());
    });
    this.server.on('clientError', (_, socket) => socket.destroy());
  }

  accept(socket: Socket): void {
    const timer = setTimeout(() => socket.destroy(), CONNECTION_MS);
    timer.unref();
    socket.once('upgraded', () => clearTimeout(timer));
    socket.once('close', () => clearTimeout(timer));
    if (!socket.destroyed) this.server.emit('connection', socket);
  }

  changed(config: Config): void {
    void this.room?.then((room) => room.changed(config));
  }

  async stop(): Promise<void> {
    const { room } = this;
    this.room = undefined;
    await (await room)?.stop();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const { method = '' } = request;
    if (path === '/login' || path === '/logout') {
      if (!sameOrigin(request)) return end(response, 403, 'another origin\n');
      if (path === '/login' && method === 'GET') return this.confirm(request, response);
      if (method !== 'POST') return end(response, 405, '', { Allow: 'POST' });
      return path === '/login' ? this.login(request, response) : this.logout(request, response);
    }
    if (method !== 'GET' && method !== 'HEAD')
      return end(response, 405, '', { Allow: 'GET, HEAD' });
    const { config, mqtt } = this.options;
    if (path === '/metrics' && config().dashboard.metrics)
      return end(response, 200, metricsText(mqtt.status()), {
        'Content-Type': 'text/plain; version=0.0.4; charset=utf-8',
      });
    const gzip = acceptsGzip(request.headers['accept-encoding']);
    const file = await pageFile(path, gzip, this.options.pages ?? BUILT);
    if (!file) return end(response, 404, 'there is no such page\n');
    const { ETag } = file.headers;
    if (request.headers['if-none-match'] === ETag) return end(response, 304, '', { ETag });
    end(response, 200, method === 'HEAD' ? '' : file.content, file.headers);
  }

  private async login(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const given = await readPassword(request);
    if (given === undefined) return json(response, 400, { error: 'send {"password": "…"}' });
    const from = request.socket.remoteAddress ?? '';
    const result = this.logins.login(given, from, performance.now());
    if ('waitMs' in result) {
      const waitSeconds = Math.ceil(result.waitMs / 1000);
      this.options.mqtt.log('info', 'dashboard: a login with a wrong password');
      return json(response, waitSeconds > 0 ? 429 : 401, {
        error: 'the password is wrong; `kith dashboard` shows it',
        waitSeconds,
      });
    }
    this.options.mqtt.log('info', 'dashboard: a login');
    json(response, 200, { token: result.token, node: this.node });
  }

  private get node(): string {
    return labelOf(this.options.mqtt.publicKey);
  }

  private confirm(request: IncomingMessage, response: ServerResponse): void {
    const held = this.logins.holds(bearer(request), performance.now());
    if (held) json(response, 200, { node: this.node });
    else json(response, 401, { error: 'log in again' });
  }

  private logout(request: IncomingMessage, response: ServerResponse): void {
    this.logins.logout(bearer(request));
    json(response, 200, {});
  }

  private async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const refuse = (status: string) =>
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    if (request.url !== '/mqtt') return void refuse('404 Not Found');
    if (!sameOrigin(request)) return void refuse('403 Forbidden');
    const offered = request.headers['sec-websocket-protocol'] ?? '';
    const token = /(?:^|[, ])token\.([\w-]+)/.exec(offered)?.[1] ?? '';
    if (!this.logins.holds(token, performance.now())) return void refuse('401 Unauthorized');
    const room = await this.enterable();
    socket.emit('upgraded');
    await upgrade(request, socket, head, (stream) => room.enter(stream));
  }

  private enterable(): Promise<Room> {
    this.room ??= this.open();
    return this.room;
  }

  private async open(): Promise<Room> {
    const { Room } = await import('./room.js');
    const { mqtt, random, config } = this.options;
    const room = new Room({ ...mqtt, config: config() }, random, () => {
      this.room = undefined;
      void room.stop();
    });
    return room;
  }

  private failed(response: ServerResponse, error: unknown): void {
    this.options.mqtt.log('error', `dashboard: ${String(error)}`);
    if (response.headersSent) response.destroy();
    else end(response, 500, 'failed: see the log of the agent\n');
  }
}

function bearer({ headers }: IncomingMessage): string {
  return /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
}

/** Programs send no Origin; browsers do, wherever it matters. */
function sameOrigin({ headers }: IncomingMessage): boolean {
  const { origin, host } = headers;
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
}

async function readPassword(request: IncomingMessage): Promise<string | undefined> {
  let text = '';
  request.setEncoding('utf8');
  for await (const part of request) {
    text += part;
    if (text.length > BODY_BYTES_MAX) return undefined;
  }
  try {
    const { password } = JSON.parse(text) as { password?: unknown };
    return typeof password === 'string' ? password : undefined;
  } catch {
    return undefined;
  }
}

function json(response: ServerResponse, status: number, value: unknown): void {
  const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };
  end(response, status, JSON.stringify(value), headers);
}

function end(
  response: ServerResponse,
  status: number,
  content: string | Uint8Array,
  headers: OutgoingHttpHeaders = {},
): void {
  const type = { 'Content-Type': 'text/plain; charset=utf-8' };
  response.writeHead(status, { ...HEADERS, ...type, ...headers });
  response.end(content);
}
