// Fetching over HTTP and HTTPS with Node's own client: ranges, a few redirects, an end to waiting.
// What comes is checked by its hash or signature elsewhere; here only its amount is bounded.

import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';

export const STALL_MS = 20_000; // without one byte: a relayed line is slow, not silent
const REDIRECTS_MAX = 3;

/** The other side did not give what was asked for; the message is fit for people. */
export class FetchFailure extends Error {}

export type FetchOptions = Readonly<{ signal: AbortSignal; stallMs?: number }>;

/** A whole small file. Rejects with FetchFailure. */
export async function fetchSmall(
  url: string,
  bytesMax: number,
  options: FetchOptions,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of fetchFrom(url, 0, options)) {
    length += piece.length;
    if (length > bytesMax) throw new FetchFailure(`${url} is larger than ${bytesMax} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** The bytes of a file from one place on, as they come. Ends where they end; FetchFailure else. */
export async function* fetchFrom(
  url: string,
  from: number,
  options: FetchOptions,
): AsyncGenerator<Uint8Array> {
  const response = await follow(url, from, options);
  let skip = response.statusCode === 206 ? 0 : from; // it knows no ranges: it begins at the start
  try {
    for await (const piece of response) {
      const bytes = piece as Uint8Array;
      const dropped = Math.min(skip, bytes.length);
      skip -= dropped;
      if (dropped < bytes.length) yield bytes.subarray(dropped);
    }
  } catch (error) {
    throw failure(url, error);
  } finally {
    response.destroy();
  }
}

async function follow(url: string, from: number, options: FetchOptions): Promise<IncomingMessage> {
  let here = parsed(url);
  for (let redirects = 0; ; redirects++) {
    const response = await ask(here, from, options);
    const { statusCode = 0, headers } = response;
    if (statusCode === 200 || (statusCode === 206 && startsAt(headers['content-range'], from)))
      return response;
    response.destroy();
    const next = statusCode >= 300 && statusCode < 400 ? headers.location : undefined;
    if (next === undefined) throw new FetchFailure(`${here.href} answers with ${statusCode}`);
    if (redirects === REDIRECTS_MAX) throw new FetchFailure(`${url} redirects too often`);
    const target = parsed(next, here);
    if (here.protocol === 'https:' && target.protocol !== 'https:')
      throw new FetchFailure(`${here.href} redirects to a place without TLS`);
    here = target;
  }
}

function ask(url: URL, from: number, options: FetchOptions): Promise<IncomingMessage> {
  const { signal, stallMs = STALL_MS } = options;
  const request = url.protocol === 'https:' ? requestTls : requestPlain;
  const headers = { 'user-agent': 'kith', ...(from > 0 && { range: `bytes=${from}-` }) };
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, signal, agent: false, timeout: stallMs });
    let response: IncomingMessage | undefined;
    asked.on('timeout', () =>
      (response ?? asked).destroy(new Error(`silent for ${stallMs / 1000} s`)),
    );
    asked.on('error', (error) => reject(failure(url.href, error)));
    asked.on('response', (came) => {
      response = came;
      resolve(came);
    });
    asked.end();
  });
}

/** `bytes 100-199/200`: a server that sends another part than was asked for is no help. */
function startsAt(range: string | undefined, from: number): boolean {
  return Number(/^bytes (\d+)-/.exec(range ?? '')?.[1] ?? -1) === from;
}

function parsed(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new FetchFailure(`${text.slice(0, 200)} is no http:// or https:// address`);
  return url;
}

function failure(url: string, error: unknown): FetchFailure {
  if (error instanceof FetchFailure) return error;
  return new FetchFailure(`${url}: ${error instanceof Error ? error.message : String(error)}`);
}
