// One datagram as it is, out of any slot: handshake messages and what else main makes itself.

import { family, type Place } from '../bytes/address.js';
import { CHANNEL_HEADER_BYTES, wrap } from '../wireguard/channel.js';
import { dropNumber } from './drops.js';
import { SCRATCH } from './layout.js';
import type { Ledger } from './ledger.js';
import type { Memory } from './memory.js';
import type { SharedMemory } from './sharedmemory.js';
import { writeName, writeSource } from './sockaddr.js';
import { errno, sys } from './syscalls.js';
import { isSourceProblem } from './transmitter.js';

export const RAW_BYTES_MAX = 2_048;

const MESSAGE = SCRATCH + 2_048; // struct msghdr
const VECTOR = MESSAGE + 64;
const NAME = MESSAGE + 128;
const CONTROL = MESSAGE + 192;

/** Counted where it cannot be sent, like any other datagram. */
export function sendRaw(
  memory: Memory,
  shared: SharedMemory,
  ledger: Ledger,
  datagram: Uint8Array,
  to: Place,
): void {
  if (datagram.length + CHANNEL_HEADER_BYTES > RAW_BYTES_MAX)
    throw new RangeError('"datagram" is too long');
  const { base, bytes, view } = memory;
  const fd = shared.slots[to.slot] ?? -1;
  if (fd < 0) {
    ledger.drop(dropNumber('no-slot'));
    return;
  }
  const whole = to.channel === 0 ? datagram : wrap(datagram, to.channel);
  bytes.set(whole, SCRATCH);
  view.setBigUint64(MESSAGE, BigInt(base + NAME), true);
  view.setUint32(MESSAGE + 8, writeName(bytes, NAME, to.endpoint), true);
  view.setBigUint64(MESSAGE + 16, BigInt(base + VECTOR), true);
  view.setBigUint64(MESSAGE + 24, 1n, true);
  view.setBigUint64(VECTOR, BigInt(base + SCRATCH), true);
  view.setBigUint64(VECTOR + 8, BigInt(whole.length), true);
  setControl(memory, to.source === null ? 0 : writePin(memory, to));
  if (sys.sendmsg(fd, base + MESSAGE, 0) >= 0) return;
  if (to.source !== null && isSourceProblem(errno())) {
    setControl(memory, 0);
    if (sys.sendmsg(fd, base + MESSAGE, 0) >= 0) return;
  }
  ledger.drop(dropNumber('send-failed'));
}

function setControl({ base, view }: Memory, length: number): void {
  view.setBigUint64(MESSAGE + 32, length === 0 ? 0n : BigInt(base + CONTROL), true);
  view.setBigUint64(MESSAGE + 40, BigInt(length), true);
}

/** IP_PKTINFO or IPV6_PKTINFO; why without an interface: simd/train.ts. */
function writePin({ bytes, view }: Memory, { endpoint, source }: Place): number {
  if (source === null) return 0;
  const v4 = family(endpoint.address) === 4;
  bytes.fill(0, CONTROL, CONTROL + 48);
  view.setUint32(CONTROL, v4 ? 28 : 36, true);
  view.setUint32(CONTROL + 8, v4 ? 0 : 41, true);
  view.setUint32(CONTROL + 12, v4 ? 8 : 50, true);
  writeSource(bytes, CONTROL + (v4 ? 20 : 16), source);
  const linkLocal = bytes[CONTROL + 16] === 0xfe && !v4;
  if (v4) bytes.fill(0, CONTROL + 24, CONTROL + 48);
  else if (!linkLocal) view.setUint32(CONTROL + 32, 0, true);
  return v4 ? 32 : 40;
}
