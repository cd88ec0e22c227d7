// What comes before a handshake message may wake the main thread: its exact length, a mac1 made for
// our public key, room in the ring. Cookie replies bear no mac1; so many of them can be answers to
// what we sent that a token bucket tells the flood from the answer.

import { MacChecker } from '../wireguard/cookie.js';
import { type DropReason, dropNumber } from './drops.js';
import { HANDSHAKES, RECEIVE_NAMES, RECEIVE_SOURCES } from './layout.js';
import type { Ledger } from './ledger.js';
import type { Memory } from './memory.js';
import { putHandshake, ringBell } from './ring.js';
import type { SharedMemory } from './sharedmemory.js';
import { channelAt, messageAt } from './where.js';

const COOKIE_REPLY = 3;
const BYTES = [0, 148, 92, 64]; // by type; paper, sections 5.4.2 to 5.4.7
const COOKIES_PER_SECOND = 50;

export class Gate {
  private checker: MacChecker | undefined;
  private cookiesFullAt = 0; // when the bucket is full again

  constructor(
    private readonly memory: Memory,
    private readonly shared: SharedMemory,
    private readonly ledger: Ledger,
    private readonly wakeMain: () => void,
  ) {}

  /** Whose mac1 is right from now on; null: nobody's. */
  setIdentity(publicKey: Uint8Array | null): void {
    this.checker = publicKey === null ? undefined : new MacChecker(publicKey);
  }

  /** Passes on what `scan` listed of the batch from this slot. */
  pass(count: number, slot: number, now: number): void {
    const { words } = this.memory;
    let passed = 0;
    for (let i = 0; i < count; i++) {
      const entry = (HANDSHAKES >> 2) + 4 * i;
      const problem = this.passOne(
        words[entry] ?? 0,
        words[entry + 1] ?? 0,
        words[entry + 2] ?? 0,
        slot,
        now,
      );
      if (problem === undefined) passed++;
      else this.ledger.drop(dropNumber(problem));
    }
    if (passed > 0 && ringBell(this.shared)) this.wakeMain();
  }

  private passOne(
    at: number,
    length: number,
    where: number,
    slot: number,
    now: number,
  ): DropReason | undefined {
    const { bytes } = this.memory;
    const type = bytes[at] ?? 0;
    if (length !== BYTES[type]) return 'outside-malformed';
    if (type === COOKIE_REPLY && !this.mayTakeCookie(now)) return 'handshake-rate';
    const datagram = bytes.subarray(at, at + length);
    if ((this.checker?.check(datagram) ?? 'bad') === 'bad') return 'handshake-mac1';
    const message = messageAt(where);
    const name = bytes.subarray(RECEIVE_NAMES + 32 * message, RECEIVE_NAMES + 32 * message + 32);
    const from = RECEIVE_SOURCES + 32 * message;
    const source = bytes.subarray(from, from + 32);
    const channel = channelAt(this.memory, where);
    const fits = putHandshake(this.shared, datagram, slot, name, source, channel);
    return fits ? undefined : 'handshake-ring-full';
  }

  private mayTakeCookie(now: number): boolean {
    const fullAt = Math.max(now, this.cookiesFullAt) + 1_000 / COOKIES_PER_SECOND;
    if (fullAt - now > 1_000) return false;
    this.cookiesFullAt = fullAt;
    return true;
  }
}
