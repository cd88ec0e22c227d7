// The text form of WireGuard's cross-platform configuration protocol
// (https://www.wireguard.com/xplatform/#configuration-protocol): what `wg` says to a userspace
// implementation over its socket, and what it hears.
//
//   get=1⏎ ⏎                                      set=1⏎ key=value⏎ … ⏎
//   key=value⏎ … errno=0⏎ ⏎                       errno=0⏎ ⏎
//
// A request may be many megabytes (130,000 allowed IPs), so it is read line by line as it comes
// and answered piece by piece. Keys are read from and written to bytes, never to strings, which
// could not be wiped.
//
// A request with a mistake is read to its end and then refused as a whole: nothing of it is
// applied, and the connection stays in step.

import {
  type Endpoint,
  formatEndpoint,
  formatPrefix,
  parseEndpoint,
  parsePrefix,
} from '../bytes/address.js';
import type { DeviceChange, DeviceState, PeerChange, PeerState } from './configuration.js';

// errno.h, Linux
export const EIO = 5;
export const E2BIG = 7;
export const EINVAL = 22;
export const EPROTO = 71;

export const LINE_BYTES_MAX = 256; // the longest good line, a private key, has 76
export const LINES_MAX = 400_000; // of one request: three times the routes the tables hold
const CHUNK_BYTES = 32_768; // of an answer: well under a millisecond of work
const KEY_BYTES = 32;
const NEWLINE = 10;

export type Refusal = Readonly<{ kind: 'refused'; errno: number; reason: string }>;
export type Request = Readonly<{ kind: 'get' } | { kind: 'set'; change: DeviceChange }> | Refusal;

/** The index of a network interface, for endpoints like `[fe80::1%eth0]:51820`. */
export type ScopeIndex = (interfaceName: string) => number | undefined;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type PeerDraft = Mutable<PeerChange> & { allowedIps?: NonNullable<PeerChange['allowedIps']>[0][] };
type SetDraft = { kind: 'set'; device: Mutable<DeviceChange>; peers: PeerDraft[]; lines: number };
type Draft = { kind: 'none' } | { kind: 'get' } | SetDraft | Refusal;

/** Thrown and caught within this file; the message names the key, never the value. */
class Mistake extends Error {
  constructor(
    message: string,
    readonly errno = EINVAL,
  ) {
    super(message);
  }
}

/** Reads the requests of one connection. */
export class RequestReader {
  private draft: Draft = { kind: 'none' };
  private readonly line = new Uint8Array(LINE_BYTES_MAX);
  private lineLength = 0; // LINE_BYTES_MAX + 1: longer, the rest is skipped

  constructor(private readonly scopeIndex: ScopeIndex) {}

  /** Whether a request has begun and not ended. */
  get begun(): boolean {
    return this.draft.kind !== 'none' || this.lineLength > 0;
  }

  /** Takes what came; returns the requests completed by it. `bytes` is not kept. Never throws. */
  push(bytes: Uint8Array): Request[] {
    const requests: Request[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      const request = this.takeLine(bytes.subarray(start, end));
      if (request !== undefined) requests.push(request);
      start = end + 1;
    }
    this.keep(bytes.subarray(start));
    return requests;
  }

  /** The peer sends no more: a request without its empty line is refused, and its keys wiped. */
  end(): Refusal | undefined {
    if (!this.begun) return undefined;
    this.refuse('the request ends without an empty line', EPROTO);
    const refusal = this.draft;
    this.draft = { kind: 'none' };
    this.line.fill(0);
    this.lineLength = 0;
    return refusal.kind === 'refused' ? refusal : undefined;
  }

  private keep(rest: Uint8Array): void {
    if (this.lineLength + rest.length > LINE_BYTES_MAX) {
      this.lineLength = LINE_BYTES_MAX + 1;
    } else {
      this.line.set(rest, this.lineLength);
      this.lineLength += rest.length;
    }
  }

  private takeLine(tail: Uint8Array): Request | undefined {
    let line = tail;
    if (this.lineLength > 0) {
      this.keep(tail);
      line = this.line.subarray(0, this.lineLength);
    }
    const tooLong = this.lineLength > LINE_BYTES_MAX || tail.length > LINE_BYTES_MAX;
    if (tooLong) this.refuse(`a line has more than ${LINE_BYTES_MAX} bytes`, EPROTO);
    else if (line.length === 0) return this.finish();
    else this.readLine(line);
    if (this.lineLength > 0) this.line.fill(0); // it may have held a key
    this.lineLength = 0;
    return undefined;
  }

  private readLine(line: Uint8Array): void {
    if (this.draft.kind === 'refused') return;
    try {
      this.draft = readInto(this.draft, line, this.scopeIndex);
    } catch (error) {
      if (!(error instanceof Mistake)) throw error;
      this.refuse(error.message, error.errno);
    }
  }

  private refuse(reason: string, errno: number): void {
    if (this.draft.kind === 'refused') return;
    if (this.draft.kind === 'set') wipeChange(this.draft.device, this.draft.peers);
    this.draft = { kind: 'refused', errno, reason };
  }

  private finish(): Request | undefined {
    const { draft } = this;
    this.draft = { kind: 'none' };
    if (draft.kind === 'none') return undefined; // a stray empty line
    if (draft.kind !== 'set') return draft;
    if (draft.peers.length > 0) draft.device.peers = draft.peers;
    return { kind: 'set', change: draft.device };
  }
}

function readInto(draft: Exclude<Draft, Refusal>, line: Uint8Array, scope: ScopeIndex): Draft {
  const [key, value] = splitLine(line);
  if (draft.kind === 'none') return readOperation(key, value);
  if (draft.kind === 'get') throw new Mistake('get=1 takes no further lines');
  if (++draft.lines > LINES_MAX) throw new Mistake(`more than ${LINES_MAX} lines`, E2BIG);
  const peer = draft.peers.at(-1);
  if (key === 'public_key') draft.peers.push({ publicKey: readKey(key, value) });
  else if (peer === undefined) readDeviceLine(draft.device, key, value);
  else readPeerLine(peer, key, value, scope);
  return draft;
}

function readOperation(key: string, value: Uint8Array): Draft {
  const one = value.length === 1 && value[0] === 0x31;
  if (one && key === 'get') return { kind: 'get' };
  if (one && key === 'set') return { kind: 'set', device: {}, peers: [], lines: 0 };
  throw new Mistake('neither get=1 nor set=1', EPROTO);
}

function readDeviceLine(device: Mutable<DeviceChange>, key: string, value: Uint8Array): void {
  switch (key) {
    case 'private_key':
      device.privateKey?.fill(0);
      device.privateKey = readSecret(key, value);
      break;
    case 'listen_port':
      device.listenPort = readNumber(key, value, 0xffff);
      break;
    case 'fwmark':
      device.fwmark = readNumber(key, value, 0xffffffff);
      break;
    case 'replace_peers':
      device.replacePeers = readTrue(key, value);
      break;
    default:
      throw new Mistake('a key that an interface does not have');
  }
}

function readPeerLine(peer: PeerDraft, key: string, value: Uint8Array, scope: ScopeIndex): void {
  switch (key) {
    case 'remove':
      peer.remove = readTrue(key, value);
      break;
    case 'update_only':
      peer.updateOnly = readTrue(key, value);
      break;
    case 'preshared_key':
      peer.presharedKey?.fill(0);
      peer.presharedKey = readSecret(key, value);
      break;
    case 'endpoint':
      peer.endpoint = readEndpoint(ascii(value), scope);
      break;
    case 'persistent_keepalive_interval':
      peer.keepalive = readNumber(key, value, 0xffff);
      break;
    case 'replace_allowed_ips':
      peer.replaceAllowedIps = readTrue(key, value);
      peer.allowedIps = []; // what this request named before is replaced as well
      break;
    case 'allowed_ip':
      peer.allowedIps ??= [];
      peer.allowedIps.push(readAllowedIp(ascii(value)));
      break;
    case 'protocol_version':
      if (ascii(value) !== '1') throw new Mistake('protocol_version: not 1');
      break;
    default:
      throw new Mistake('a key that a peer does not have');
  }
}

function splitLine(line: Uint8Array): [key: string, value: Uint8Array] {
  const equals = line.indexOf(0x3d);
  if (equals < 0) throw new Mistake('a line is not key=value', EPROTO);
  return [ascii(line.subarray(0, equals)), line.subarray(equals + 1)];
}

/** At most a line's bytes, each as one character. */
function ascii(bytes: Uint8Array): string {
  return Reflect.apply(String.fromCharCode, undefined, bytes);
}

function readTrue(key: string, value: Uint8Array): true {
  if (ascii(value) !== 'true') throw new Mistake(`${key}: not "true"`);
  return true;
}

function readNumber(key: string, value: Uint8Array, max: number): number {
  const text = ascii(value);
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  if (number > max) throw new Mistake(`${key}: not a number from 0 to ${max}`);
  return number;
}

function readKey(key: string, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(KEY_BYTES);
  let wrong = value.length === 2 * KEY_BYTES ? 0 : -1;
  for (let i = 0; i < KEY_BYTES; i++) {
    const high = hexDigit(value[2 * i] ?? 0);
    const low = hexDigit(value[2 * i + 1] ?? 0);
    wrong |= high | low; // negative once one of them is
    bytes[i] = (high << 4) | low;
  }
  if (wrong >= 0) return bytes;
  bytes.fill(0);
  throw new Mistake(`${key}: not ${2 * KEY_BYTES} hexadecimal digits`);
}

/** All zero means: none. */
function readSecret(key: string, value: Uint8Array): Uint8Array | null {
  const bytes = readKey(key, value);
  return bytes.some((byte) => byte !== 0) ? bytes : null;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** The C library writes a link-local scope as an interface's name, we keep its number. */
function readEndpoint(text: string, scopeIndex: ScopeIndex): Endpoint {
  const scope = /%([^\]]+)\]/.exec(text)?.[1] ?? '';
  const index = scope === '' || /^\d+$/.test(scope) ? scope : scopeIndex(scope);
  const numeric = text.replace(`%${scope}]`, `%${index}]`);
  const endpoint = index === undefined ? undefined : parseEndpoint(numeric);
  if (endpoint === undefined) throw new Mistake('endpoint: not address:port');
  return endpoint;
}

function readAllowedIp(text: string): NonNullable<PeerChange['allowedIps']>[0] {
  const remove = text.startsWith('-');
  const prefix = parsePrefix(remove ? text.slice(1) : text);
  if (prefix === undefined) throw new Mistake('allowed_ip: not address/length');
  return remove ? { prefix, remove } : { prefix };
}

/** Overwrites the secrets of a change that nobody took over. */
export function wipeChange(device: DeviceChange, peers: readonly PeerChange[]): void {
  device.privateKey?.fill(0);
  for (const peer of peers) peer.presharedKey?.fill(0);
}

/** The answer to `get=1` in pieces; each is the caller's, to be wiped once it is sent. */
export function* writeState(state: DeviceState): Generator<Uint8Array, void> {
  const out = new Piece();
  if (state.privateKey !== null) out.key('private_key', state.privateKey);
  if (state.listenPort !== 0) out.text(`listen_port=${state.listenPort}\n`);
  if (state.fwmark !== 0) out.text(`fwmark=${state.fwmark}\n`);
  for (const peer of state.peers) {
    writePeer(out, peer);
    if (out.full) yield out.take();
    for (const prefix of peer.allowedIps) {
      out.text(`allowed_ip=${formatPrefix(prefix)}\n`);
      if (out.full) yield out.take();
    }
  }
  out.text('errno=0\n\n');
  yield out.take();
}

/** Negative on the wire: only so does `wg` print the message that belongs to it. */
export function writeErrno(errno: number): Uint8Array {
  return new TextEncoder().encode(`errno=${-errno}\n\n`);
}

function writePeer(out: Piece, peer: PeerState): void {
  const seconds = Math.floor(peer.lastHandshake);
  const nanoseconds = Math.floor((peer.lastHandshake - seconds) * 1e9);
  out.key('public_key', peer.publicKey);
  out.key('preshared_key', peer.presharedKey ?? new Uint8Array(KEY_BYTES));
  out.text('protocol_version=1\n');
  if (peer.endpoint !== null) out.text(`endpoint=${formatEndpoint(peer.endpoint)}\n`);
  out.text(`last_handshake_time_sec=${seconds}\nlast_handshake_time_nsec=${nanoseconds}\n`);
  out.text(`tx_bytes=${peer.sentBytes}\nrx_bytes=${peer.receivedBytes}\n`);
  out.text(`persistent_keepalive_interval=${peer.keepalive}\n`);
}

class Piece {
  private readonly encoder = new TextEncoder();
  private bytes = new Uint8Array(CHUNK_BYTES);
  private length = 0;

  /** No room for another peer, which takes less than 512 bytes. */
  get full(): boolean {
    return this.length > CHUNK_BYTES - 1024;
  }

  text(text: string): void {
    this.length += this.encoder.encodeInto(text, this.bytes.subarray(this.length)).written;
  }

  key(name: string, key: Uint8Array): void {
    this.text(`${name}=`);
    for (const byte of key) {
      this.bytes[this.length++] = hexCode(byte >> 4);
      this.bytes[this.length++] = hexCode(byte & 15);
    }
    this.text('\n');
  }

  take(): Uint8Array {
    const piece = this.bytes.subarray(0, this.length);
    this.bytes = new Uint8Array(CHUNK_BYTES);
    this.length = 0;
    return piece;
  }
}

function hexCode(nibble: number): number {
  return nibble < 10 ? 0x30 + nibble : 0x57 + nibble;
}
