// One connection to the configuration socket: requests in, answers out, in order.

import type { Socket } from 'node:net';
import { setImmediate as breathe } from 'node:timers/promises';
import { wipe } from '../crypto/secret.js';
import { type Configurable, DeviceError, type DeviceState } from '../wireguard/configuration.js';
import {
  EIO,
  type Request,
  RequestReader,
  type ScopeIndex,
  wipeChange,
  writeErrno,
  writeState,
} from '../wireguard/uapi.js';
import type { Log } from './ports.js';

const REQUEST_IDLE_MS = 30_000; // a request that has begun must go on, an answer be taken
const CONNECTION_IDLE_MS = 600_000; // between requests: exporters may keep their connection

/** Answers requests until the other side ends or falls silent. */
export function serveConnection(
  socket: Socket,
  device: Configurable,
  scopeIndex: ScopeIndex,
  log: Log,
): void {
  const reader = new RequestReader(scopeIndex);
  const take = async (requests: readonly Request[]): Promise<void> => {
    socket.setTimeout(REQUEST_IDLE_MS);
    socket.pause(); // one at a time: what waits, waits in the kernel
    for (const request of requests) await answer(socket, request, device, log);
    socket.resume();
    if (!reader.begun) socket.setTimeout(CONNECTION_IDLE_MS);
  };

  let work = Promise.resolve();
  socket.setTimeout(CONNECTION_IDLE_MS);
  socket.on('data', (bytes: Buffer) => {
    const requests = reader.push(bytes);
    bytes.fill(0); // may hold keys
    if (requests.length > 0) work = work.then(() => take(requests));
    else socket.setTimeout(REQUEST_IDLE_MS);
  });
  socket.on('end', () => {
    const refusal = reader.end();
    work = work.then(() => take(refusal ? [refusal] : [])).then(() => void socket.end());
  });
  socket.on('timeout', () => socket.destroy());
  socket.on('error', () => socket.destroy()); // the other side went away
  socket.on('close', () => reader.end());
}

async function answer(
  socket: Socket,
  request: Request,
  device: Configurable,
  log: Log,
): Promise<void> {
  if (request.kind === 'refused') {
    log('error', `configuration refused: ${request.reason}`);
    return send(socket, writeErrno(request.errno));
  }
  if (request.kind === 'set') {
    const { change } = request;
    const errno = attempt(log, () => device.apply(change));
    wipeChange(change, change.peers ?? []);
    return send(socket, writeErrno(errno));
  }
  let state: DeviceState | undefined;
  const errno = attempt(log, () => {
    state = device.state();
  });
  if (state === undefined) return send(socket, writeErrno(errno));
  for (const piece of writeState(state)) {
    await send(socket, piece);
    if (socket.destroyed) break;
    await breathe(); // 130,000 lines must not hold up a handshake
  }
  wipe(state.privateKey ?? undefined, ...state.peers.map((peer) => peer.presharedKey ?? undefined));
}

/** Zero, or the errno of what went wrong. */
function attempt(log: Log, action: () => void): number {
  try {
    action();
    return 0;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    log('error', `configuration failed: ${message}`);
    return error instanceof DeviceError ? error.errno : EIO;
  }
}

/** Resolves once the kernel has the piece, or the connection is gone; wipes it then. */
function send(socket: Socket, piece: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    socket.write(piece, () => {
      piece.fill(0);
      resolve();
    });
  });
}
