// The rows of peers and sessions, and the way from an index on the wire to its session.
//
// Session, 128 bytes:
//   0 sendKey[32] | 32 receiveKey[32] | 64 f64 rejectAt | 72 f64 renewSendAt
//   80 f64 renewReceiveAt | 88 u32 localIndex | 92 u32 remoteIndex | 96 u32 peer | 100 u32 flags
//   104 u64 next counter | 112 u32 bytes | 116 u32 packets | 120 u32 data packets of this batch
//   124 u32 batch
//
// Peer, 96 bytes:
//   0 sockaddr[28] | 28 u8 its length | 29 u8 slot | 30 u8 flags | 32 source[20] | 52 u32 second
//   56 u32 session in use + 1 | 60 u32 waiting | 64 u32 oldest | 68 u32 newest
//   72 u32 open train + 1 | 76 u32 batch of that train | 80 u32 last `seen`, milliseconds
//   84 u32 session for frames + 1 | 88 channel header[8]

import {
  INDEX,
  INDEX_MAX,
  PEER_BYTES,
  PEER_FRAME_SESSION,
  PEERS,
  SESSION_BARE,
  SESSION_BYTES,
  SESSIONS,
  TOUCHED,
  TOUCHED_MAX,
  WINDOW_BYTES,
  WINDOWS,
} from '../layout';

export const SESSION_EXISTS: u32 = 1;
export const SESSION_STALE: u32 = 2; // `stale` was raised
export const SESSION_CONFIRMED: u32 = 4; // `confirmed` was raised

// @ts-ignore: decorator
@inline
export function sessionRow(session: u32): usize {
  return <usize>SESSIONS + session * SESSION_BYTES;
}

// @ts-ignore: decorator
@inline
export function peerRow(peer: u32): usize {
  return <usize>PEERS + peer * PEER_BYTES;
}

// @ts-ignore: decorator
@inline
function bucket(index: u32): u32 {
  return (index * 0x9e3779b1) >>> 18; // INDEX_MAX is 2^14
}

/** The session number with this local index, or -1. Open addressing, at most a quarter full. */
export function findSession(index: u32): i32 {
  for (let at = bucket(index), steps = 0; steps < INDEX_MAX; at = (at + 1) & (INDEX_MAX - 1)) {
    const session = load<u32>(INDEX + (at << 2));
    if (session == 0) return -1;
    if (load<u32>(sessionRow(session - 1), 88) == index) return session - 1;
    steps++;
  }
  return -1;
}

/** The caller has written both keys into the row. */
export function beginSession(
  session: u32,
  peer: u32,
  localIndex: u32,
  remoteIndex: u32,
  rejectAt: f64,
  renewSendAt: f64,
  renewReceiveAt: f64,
  bare: bool,
): void {
  const row = sessionRow(session);
  store<f64>(row, rejectAt, 64);
  store<f64>(row, renewSendAt, 72);
  store<f64>(row, renewReceiveAt, 80);
  store<u32>(row, localIndex, 88);
  store<u32>(row, remoteIndex, 92);
  store<u32>(row, peer, 96);
  store<u32>(row, SESSION_EXISTS | (bare ? SESSION_BARE : 0), 100);
  memory.fill(row + 104, 0, 24);
  memory.fill(<usize>WINDOWS + session * WINDOW_BYTES, 0, WINDOW_BYTES);
  let at = bucket(localIndex);
  while (load<u32>(INDEX + (at << 2))) at = (at + 1) & (INDEX_MAX - 1);
  store<u32>(INDEX + (at << 2), session + 1);
}

/** Wipes the row and closes the gap in the index. One that does not exist: nothing happens. */
export function endSession(session: u32): void {
  const row = sessionRow(session);
  if (!(load<u32>(row, 100) & SESSION_EXISTS)) return;
  const peer = peerRow(load<u32>(row, 96));
  if (load<u32>(peer, 56) == session + 1) store<u32>(peer, 0, 56);
  if (load<u32>(peer, PEER_FRAME_SESSION) == session + 1) {
    store<u32>(peer, 0, PEER_FRAME_SESSION);
  }
  let at = bucket(load<u32>(row, 88));
  while (load<u32>(INDEX + (at << 2)) != session + 1) at = (at + 1) & (INDEX_MAX - 1);
  closeGap(at);
  memory.fill(row, 0, SESSION_BYTES);
}

/** Moves back what stands behind a freed bucket and would not be found past the hole. */
function closeGap(hole: u32): void {
  let at = hole;
  while (true) {
    at = (at + 1) & (INDEX_MAX - 1);
    const session = load<u32>(INDEX + (at << 2));
    if (session == 0) break;
    const home = bucket(load<u32>(sessionRow(session - 1), 88));
    if (((at - home) & (INDEX_MAX - 1)) >= ((at - hole) & (INDEX_MAX - 1))) {
      store<u32>(INDEX + (hole << 2), session);
      hole = at;
    }
  }
  store<u32>(INDEX + (hole << 2), 0);
}

let batch: u32 = 1;
let touched: u32 = 0;

/** Adds one datagram to what the worker will note of this session's traffic. */
// @ts-ignore: decorator
@inline
export function touch(session: u32, row: usize, bytes: u32, data: u32): void {
  if (load<u32>(row, 124) != batch) {
    store<u32>(row, batch, 124);
    memory.fill(row + 112, 0, 12);
    if (touched < <u32>TOUCHED_MAX) store<u32>(TOUCHED + (touched++ << 2), session);
  }
  store<u32>(row, load<u32>(row, 112) + bytes, 112);
  store<u32>(row, load<u32>(row, 116) + 1, 116);
  store<u32>(row, load<u32>(row, 120) + data, 120);
}

/** Closes the batch: how many sessions are in TOUCHED. */
export function takeTouched(): u32 {
  const count = touched;
  touched = 0;
  batch++;
  return count;
}
