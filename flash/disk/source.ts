// Where an image comes from: a file, standard input, or http(s), which goes on by itself after the
// line broke. What is compressed is told by its first bytes, not by its name.

import { createReadStream, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Failure, systemCode } from '../../agent/commands/failure.js';
import { compressionOf, unpack, unpackedSize } from './unpack.js';

export type Source = Readonly<{
  image: AsyncIterable<Uint8Array>; // unpacked
  /** Bytes of the image, where that is known beforehand. */
  size: number | undefined;
  /** Of the file as it lies there. */
  taken(): { bytes: number; total: number | undefined };
  /** Of the file as it lies there, once it was read to its end. */
  sha256(): string;
}>;

const TRIES = 6; // a line that breaks more often without one byte in between is down
const PAUSE_MS = 1_000; // doubles each time: half a minute together
const SILENCE_MS = 30_000;

/** Throws Failure where there is no such image, with the device still untouched. */
export async function openSource(where: string, stop: AbortSignal): Promise<Source> {
  const file = await opened(where, stop);
  const pieces = file.pieces[Symbol.asyncIterator]();
  const { head, rest } = await peeked(pieces);
  const form = compressionOf(head);
  const path = isUrl(where) || where === '-' ? undefined : where;
  const size = form === 'none' ? file.total() : await unpackedSize(form, head, path);
  const counted = new Counted(rest);
  return {
    image: unpack(form, counted),
    size,
    taken: () => ({ bytes: counted.bytes, total: file.total() }),
    sha256: () => counted.digest(),
  };
}

type Opened = Readonly<{ pieces: AsyncIterable<Uint8Array>; total(): number | undefined }>;

async function opened(where: string, stop: AbortSignal): Promise<Opened> {
  if (where === '-') return { pieces: process.stdin, total: () => undefined };
  if (isUrl(where)) return download(where, stop);
  try {
    const status = statSync(where);
    if (!status.isFile()) throw new Failure(`${where} is no file`);
    return { pieces: createReadStream(where), total: () => status.size };
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') throw new Failure(`there is no file ${where}`);
    if (code !== undefined) throw new Failure(`cannot read ${where}: ${code}`);
    throw error;
  }
}

function isUrl(where: string): boolean {
  return /^https?:\/\//i.test(where);
}

/** The pieces again, and the first bytes of them. */
async function peeked(pieces: AsyncIterator<Uint8Array>) {
  const held: Uint8Array[] = [];
  let length = 0;
  while (length < 32) {
    const { value, done } = await pieces.next();
    if (done) break;
    held.push(value);
    length += value.length;
  }
  async function* rest(): AsyncGenerator<Uint8Array> {
    yield* held;
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) yield next.value;
  }
  return { head: Buffer.concat(held).subarray(0, 32), rest: rest() };
}

/** Counts and hashes what passes. */
class Counted implements AsyncIterable<Uint8Array> {
  bytes = 0;
  private sum: string | undefined;

  constructor(private readonly pieces: AsyncIterable<Uint8Array>) {}

  digest(): string {
    return this.sum ?? '';
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const { createHash } = await import('node:crypto');
    const hash = createHash('sha256');
    for await (const piece of this.pieces) {
      hash.update(piece);
      this.bytes += piece.length;
      yield piece;
    }
    this.sum = hash.digest('hex');
  }
}

/** Resolves with the first answer; what comes later goes on by itself where it broke. */
async function download(url: string, stop: AbortSignal): Promise<Opened> {
  const first = await ask(url, 0, undefined, stop);
  const length = first.headers.get('content-length');
  // What is sent compressed on its way has another length than what arrives.
  const total = first.headers.has('content-encoding') || length === null ? undefined : +length;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    let [answer, at, failures]: [Response | undefined, number, number] = [first, 0, 0];
    const tag = first.headers.get('etag') ?? first.headers.get('last-modified') ?? undefined;
    for (;;) {
      try {
        answer ??= await ask(url, at, tag, stop);
        for await (const piece of withoutSilence(answer, stop)) {
          at += piece.length;
          failures = 0;
          yield piece;
        }
        if (total === undefined || at >= total) return;
        throw new Error('the line broke');
      } catch (error) {
        if (stop.aborted || error instanceof Failure) throw error;
        if (++failures >= TRIES || total === undefined)
          throw new Failure(`the download broke off after ${at} bytes: ${reasonOf(error)}`);
        answer = undefined;
        await pause(PAUSE_MS * 2 ** (failures - 1), undefined, { signal: stop }).catch(() => {});
      }
    }
  }
  return { pieces: pieces(), total: () => total };
}

async function ask(url: string, at: number, tag: string | undefined, stop: AbortSignal) {
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (at > 0) headers.range = `bytes=${at}-`;
  if (at > 0 && tag !== undefined) headers['if-range'] = tag;
  let answer: Response;
  try {
    answer = await fetch(url, { headers, signal: stop });
  } catch (error) {
    if (at > 0 || stop.aborted) throw error;
    throw new Failure(`cannot fetch ${url}: ${reasonOf(error)}`);
  }
  if (at > 0 && answer.status === 200)
    throw new Failure(
      'the file on the server changed, or the server cannot go on where it stopped',
    );
  if (!answer.ok)
    throw new Failure(`cannot fetch ${url}: the server says ${answer.status} ${answer.statusText}`);
  if (answer.body === null) throw new Failure(`cannot fetch ${url}: it is empty`);
  return answer;
}

/** A server that says nothing for long is treated as a line that broke. */
async function* withoutSilence(answer: Response, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = answer.body?.getReader();
  if (!reader) return;
  const ended = () => void reader.cancel().catch(() => {});
  stop.addEventListener('abort', ended, { once: true });
  try {
    for (;;) {
      const patience = new AbortController();
      const late = pause(SILENCE_MS, undefined, { signal: patience.signal }).then(() => {
        throw new Error(`silence for ${SILENCE_MS / 1000} s`);
      });
      late.catch(() => {}); // the answer came first
      const { value, done } = await Promise.race([reader.read(), late]).finally(() =>
        patience.abort(),
      );
      if (done) return;
      yield value;
    }
  } finally {
    stop.removeEventListener('abort', ended);
    ended();
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = systemCode(error.cause) ?? systemCode(error);
  return code ?? (error.cause instanceof Error ? error.cause.message : error.message);
}
