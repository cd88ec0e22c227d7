// What stands before the handshake: whether a message is for us at all and, under load, whether
// its sender can receive where it says it is, and does not ask too often (paper, section 5.3).

import type { Place } from '../bytes/address.js';
import { Admission } from './admission.js';
import { cookieSource, MacChecker } from './cookie.js';
import type { Effect, Millis } from './effects.js';
import type { Initiation, Response } from './messages.js';

/** A handshake datagram as a worker hands it over: length and mac1 were right. */
export type Arrival = Readonly<{ datagram: Uint8Array; from: Place; check: 'mac1' | 'mac2' }>;

/** Handshake datagrams that came to nothing, and why. */
export const DEVICE_DROPS = [
  'down', // no key, or the interface is down
  'malformed', // no handshake message
  'not-for-us', // the initiation's static key does not open with ours
  'stranger', // an initiation of nobody we know
  'unknown-index', // response or cookie reply to nothing of ours
  'forged', // not by whom it says it is
  'replay', // initiation not newer than the last
  'flood', // initiations of one peer faster than 50 a second
  'sessions-full', // the workers' table has no free row
  'no-cookie', // under load, answered with a cookie reply
  'not-admitted', // under load, too many from one address
  'porch-full', // at the door, but too many are there, or one was let in a moment ago
] as const;

export type DeviceDrop = (typeof DEVICE_DROPS)[number];

export class Gate {
  private readonly checker: MacChecker;
  private readonly admission = new Admission();

  constructor(
    publicKey: Uint8Array,
    private readonly random: (bytes: number) => Uint8Array,
  ) {
    this.checker = new MacChecker(publicKey);
  }

  /** Under load only. Undefined: let it in; else `out` may have got a cookie reply. */
  refuse(
    message: Initiation | Response,
    { datagram, from, check }: Arrival,
    now: Millis,
    out: Effect[],
  ): DeviceDrop | undefined {
    const source = cookieSource(from);
    if (check === 'mac2' || this.checker.check(datagram, source, now) === 'mac2') {
      return this.admission.admit(from, now) ? undefined : 'not-admitted';
    }
    const to = { receiver: message.sender, source };
    const reply = this.checker.reply(datagram, to, this.random, now);
    out.push({ kind: 'send', datagram: reply, to: from });
    return 'no-cookie';
  }

  wipe(): void {
    this.checker.wipe();
  }
}
