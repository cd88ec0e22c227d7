// Outside to inside: receives a batch of datagrams, has them opened, and writes packets to the TUN.

import { dropNumber } from './drops.js';
import type { Engine } from './engines/engine.js';
import type { Gate } from './gate.js';
import { ENTRIES, ENTRY_BYTES, RECEIVE_MESSAGES, RECEIVE_MESSAGES_MAX, RELAYED } from './layout.js';
import type { Ledger } from './ledger.js';
import type { Memory } from './memory.js';
import { MSG_DONTWAIT, sys } from './syscalls.js';
import type { Transmitter } from './transmitter.js';

const WRITE_FAILED = dropNumber('write-failed');
const ALARM = dropNumber('alarm');

export class Receiver {
  constructor(
    private readonly memory: Memory,
    private readonly ledger: Ledger,
    private readonly engine: Engine,
    private readonly gate: Gate,
    private readonly transmitter: Transmitter, // of what is relayed
  ) {}

  /** One batch from the socket of this slot. */
  pump(fd: number, slot: number, tun: number, now: number): void {
    const { base } = this.memory;
    const messages = sys.recvmmsg(
      fd,
      base + RECEIVE_MESSAGES,
      RECEIVE_MESSAGES_MAX,
      MSG_DONTWAIT,
      0,
    );
    if (messages > 0) this.take(messages, slot, tun, now);
  }

  /** What lies in the receive buffers. */
  take(messages: number, slot: number, tun: number, now: number): void {
    const { base, wasm, words } = this.memory;
    const packets = wasm.scan(messages, slot, now);
    const handshakes = wasm.takeHandshakes();
    if (handshakes > 0) this.gate.pass(handshakes, slot, now);
    if (packets > 0 && !this.engine.open(0, packets)) this.ledger.drop(ALARM, packets);
    const entries = wasm.finish(now);
    for (let i = 0; i < entries; i++) {
      const word = (ENTRIES + i * ENTRY_BYTES + 24) >> 2;
      const written = sys.writev(tun, base + (words[word] ?? 0), words[word + 1] ?? 0);
      if (written < 0) this.ledger.drop(WRITE_FAILED);
    }
    this.ledger.received(now, slot);
    const relayed = words[RELAYED >> 2] ?? 0;
    if (relayed > 0) this.passOn(relayed, now);
  }

  /** It lies where it was received, and goes out from there. */
  private passOn(circuits: number, now: number): void {
    this.transmitter.flush(now);
    this.ledger.relayed(circuits);
  }
}
