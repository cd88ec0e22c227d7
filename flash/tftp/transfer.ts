// One transfer of one file to one client, without I/O: packets and time in, packets out.
//
//   request ──▶ [options ──ack 0──▶] block 1 ──ack 1──▶ block 2 … short block ──ack──▶ done
//
// A block is sent again when its time is over, never because an old ACK came twice: else both sides
// would send everything twice from then on (RFC 1123, 4.2.3.1).

import { dataPacket, ErrorCode, errorPacket, optionsPacket, type Packet } from './packets.js';

export type File = Readonly<{
  size: number;
  /** Up to `length` bytes from there. */
  read(at: number, length: number): Uint8Array;
}>;

const LAST_LOST =
  'all of it was sent, but its last word did not come: watch whether the router restarts';

type State = 'running' | 'done' | 'failed';

const BLOCK_DEFAULT = 512;
const BLOCK_MAX = 65_464; // RFC 2348
const TIMEOUT_MS = 1_000;
const TRIES = 12; // a boot loader that is silent for so many seconds was switched off

export class Transfer {
  state: State = 'running';
  error = '';
  private block = 0; // the last one that was sent; 0: the options
  private blockBytes = BLOCK_DEFAULT;
  private timeoutMs = TIMEOUT_MS;
  private tries = 0;
  private due = 0;
  private sent: Uint8Array;

  constructor(
    private readonly file: File,
    request: Extract<Packet, { kind: 'read' }>,
    now: number,
  ) {
    const options = this.agree(request.options);
    this.sent = options.size > 0 ? optionsPacket(options) : this.nextBlock();
    this.due = now + this.timeoutMs;
  }

  /** Bytes that the client has for sure. */
  get acknowledged(): number {
    const whole = this.state === 'done' ? this.block : Math.max(0, this.block - 1);
    return Math.min(this.file.size, whole * this.blockBytes);
  }

  /** What is to be sent first. */
  start(): Uint8Array {
    return this.sent;
  }

  /** What is to be sent now, if anything. */
  take(packet: Packet, now: number): Uint8Array | undefined {
    if (this.state !== 'running') return undefined;
    if (packet.kind === 'error') {
      this.fail(`it gave up: ${packet.text || `error ${packet.code}`}`);
      return undefined;
    }
    if (packet.kind !== 'ack') return undefined;
    if (packet.block !== (this.block & 0xffff)) return undefined; // an old one
    if (this.isLast()) {
      this.state = 'done';
      return undefined;
    }
    this.tries = 0;
    this.due = now + this.timeoutMs;
    this.sent = this.nextBlock();
    return this.sent;
  }

  /** What is to be sent again. */
  tick(now: number): Uint8Array | undefined {
    if (this.state !== 'running' || now < this.due) return undefined;
    if (++this.tries > TRIES) {
      this.fail(this.isLast() ? LAST_LOST : 'it went silent');
      return undefined;
    }
    this.due = now + this.timeoutMs;
    return this.sent;
  }

  deadline(): number | undefined {
    return this.state === 'running' ? this.due : undefined;
  }

  /** The block that is under way is the short one. */
  private isLast(): boolean {
    return this.block > 0 && this.block * this.blockBytes > this.file.size;
  }

  private fail(why: string): void {
    this.state = 'failed';
    this.error = why;
  }

  /** Block numbers go on from 0 behind 65535: files of more than 32 MiB need that. */
  private nextBlock(): Uint8Array {
    const at = this.block * this.blockBytes;
    this.block++;
    return dataPacket(this.block, this.file.read(at, this.blockBytes));
  }

  /** The options that we understand, as we want them. */
  private agree(asked: ReadonlyMap<string, string>): Map<string, string> {
    const agreed = new Map<string, string>();
    for (const [option, text] of asked) {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
      if (option === 'blksize' && value >= 8) {
        this.blockBytes = Math.min(value, BLOCK_MAX);
        agreed.set(option, `${this.blockBytes}`);
      } else if (option === 'tsize' && value >= 0) agreed.set(option, `${this.file.size}`);
      else if (option === 'timeout' && value >= 1 && value <= 255) {
        this.timeoutMs = value * 1_000;
        agreed.set(option, text);
      }
    }
    return agreed;
  }
}

/** Why a first packet is none that we serve; undefined where it is. `name`: the only one served. */
export function refusal(packet: Packet, name: string | undefined): Uint8Array | undefined {
  if (packet.kind === 'write') return errorPacket(ErrorCode.Access, 'this server only gives');
  if (packet.kind !== 'read') return undefined;
  if (name !== undefined && packet.name !== name)
    return errorPacket(ErrorCode.NotFound, 'no such file');
  if (packet.mode === 'octet' || packet.mode === 'netascii') return undefined;
  return errorPacket(ErrorCode.Illegal, 'only octet');
}
