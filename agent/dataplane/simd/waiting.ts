// TUN reads that wait for a session: one ring for all peers, oldest displaced first, at most 32 per
// peer. Each peer's reads are a list through the ring, in order.
//
// Record: u32 bytes of the record | u32 bytes read | u32 peer + 1, 0 dead | u32 next of this peer

import {
  DROP_WAITING_EXPIRED,
  DROP_WAITING_FULL,
  TUN_READ,
  WAITING,
  WAITING_BYTES,
  WAITING_PER_PEER_MAX,
} from '../layout';
import { drop } from './notes';
import { peerRow } from './tables';

const NONE: u32 = 0xffffffff;
const HEADER: u32 = 16;

let first: u32 = 0; // offset of the oldest record
let end: u32 = 0; // where the next one goes
let used: u32 = 0;

/** Copies the TUN read of `length` bytes into the ring. */
export function wait(peer: u32, length: u32): void {
  const row = peerRow(peer);
  if (load<u32>(row, 60) >= <u32>WAITING_PER_PEER_MAX) {
    unlink(row);
    drop(DROP_WAITING_FULL);
    sweep();
  }
  const bytes = (length + HEADER + 15) & ~15;
  if (<u32>WAITING_BYTES - end < bytes) startOver();
  makeRoom(bytes);
  const at = end;
  append(bytes, length, peer + 1);
  memory.copy(WAITING + at + HEADER, TUN_READ, length);
  const last = load<u32>(row, 68);
  if (load<u32>(row, 60) == 0) store<u32>(row, at, 64);
  else store<u32>(WAITING + last, at, 12);
  store<u32>(row, at, 68);
  store<u32>(row, load<u32>(row, 60) + 1, 60);
}

/** Puts the oldest read of this peer back into its place as a TUN read; 0: there is none. */
export function takeWaiting(peer: u32): u32 {
  const row = peerRow(peer);
  if (load<u32>(row, 60) == 0) return 0;
  const at = load<u32>(row, 64);
  const length = load<u32>(WAITING + at, 4);
  memory.copy(TUN_READ, WAITING + at + HEADER, length);
  unlink(row);
  sweep();
  return length;
}

export function dropWaiting(peer: u32): void {
  const row = peerRow(peer);
  while (load<u32>(row, 60)) {
    unlink(row);
    drop(DROP_WAITING_EXPIRED);
  }
  sweep();
}

/** A record is never cut in two: what is left at the end of the ring becomes a dead one. */
function startOver(): void {
  makeRoom(<u32>WAITING_BYTES - end);
  if (end) append(<u32>WAITING_BYTES - end, 0, 0);
  end = 0;
}

function append(bytes: u32, length: u32, owner: u32): void {
  const at = WAITING + end;
  store<u32>(at, bytes);
  store<u32>(at, length, 4);
  store<u32>(at, owner, 8);
  store<u32>(at, NONE, 12);
  end += bytes;
  used += bytes;
}

/** Takes the oldest read out of its peer's list; its room is freed by `sweep`. */
function unlink(row: usize): void {
  const at = WAITING + load<u32>(row, 64);
  store<u32>(at, 0, 8);
  store<u32>(row, load<u32>(at, 12), 64);
  store<u32>(row, load<u32>(row, 60) - 1, 60);
}

function makeRoom(bytes: u32): void {
  while (<u32>WAITING_BYTES - used < bytes) {
    // The oldest record of all is alive (sweep) and therefore the oldest of its peer.
    unlink(peerRow(load<u32>(WAITING + first, 8) - 1));
    drop(DROP_WAITING_FULL);
    sweep();
  }
}

/** Frees dead records from the old end of the ring on. */
function sweep(): void {
  while (used && load<u32>(WAITING + first, 8) == 0) {
    const bytes = load<u32>(WAITING + first);
    used -= bytes;
    first += bytes;
    if (first == <u32>WAITING_BYTES) first = 0;
  }
  if (used == 0) first = end = 0;
}
