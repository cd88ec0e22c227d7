// HTTP with the router in front, and with nobody else: no names are resolved, no redirection is
// followed, and neither a long nor a slow answer holds more than a fixed amount of anything.

import { request } from 'node:http';
import type { Address } from '../bytes/address.js';

const BODY_MAX = 65_536; // bytes; descriptions of real routers have 3,000 to 30,000
const HEADERS_MAX = 8_192;
const DEADLINE_MS = 3_000; // for the whole exchange: the router is at most a cable away

export type Exchange = Readonly<{
  url: URL;
  method: 'GET' | 'POST';
  headers?: Readonly<Record<string, string>>;
  body?: string;
  deadlineMs?: number;
  signal?: AbortSignal;
}>;

/** An address on the gateway itself, by http; undefined for all others. */
export function gatewayUrl(text: string, gateway: Address, base?: URL): URL | undefined {
  if (!URL.canParse(text, base?.href)) return undefined;
  const url = new URL(text, base?.href);
  return url.protocol === 'http:' && url.hostname === gateway ? url : undefined;
}

/** Status and body; undefined: no whole answer in time and within the limits. Never rejects. */
export function exchange(
  given: Exchange,
): Promise<Readonly<{ status: number; text: string }> | undefined> {
  const { url, method, headers = {}, body = '', deadlineMs = DEADLINE_MS, signal } = given;
  return new Promise((resolve) => {
    const asked = request({
      host: url.hostname,
      port: url.port || 80,
      path: url.pathname + url.search,
      method,
      headers: { ...headers, connection: 'close' },
      agent: false,
      maxHeaderSize: HEADERS_MAX,
      ...(signal ? { signal } : {}),
    });
    const timer = setTimeout(() => asked.destroy(), deadlineMs);
    const chunks: Buffer[] = [];
    let size = 0;
    asked.on('response', (response) => {
      response.on('error', () => {}); // ended before its end: `close` follows
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > BODY_MAX) asked.destroy();
        else chunks.push(chunk);
      });
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    asked.on('error', () => {}); // `close` follows
    asked.on('close', () => {
      clearTimeout(timer);
      resolve(undefined); // of no effect after a whole answer
    });
    asked.end(body);
  });
}
