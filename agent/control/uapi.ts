// The configuration socket of one interface, /var/run/wireguard/NAME.sock: `wg` finds the file,
// connects, and speaks the protocol of wireguard/uapi.ts.
//
// The socket is bound under another name and then linked to its own, so that the file is there
// only once it answers (`wg` deletes a socket that refuses it), and so that of two who want the
// same name exactly one gets it.

import { linkSync, mkdirSync, readFileSync, rmSync, statSync, unlinkSync, watch } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemCode } from '../commands/failure.js';
import type { Configurable } from '../wireguard/configuration.js';
import { serveConnection } from './connection.js';
import type { Log } from './ports.js';

export const SOCKET_FOLDER = '/var/run/wireguard';
/** How long `kith wg` waits for a holder that may be just ending, its interface deleted. */
export const PATIENCE_MS = 2_000;
const RETRY_MS = 50;
const LOOK_MS = 2_000; // where the folder cannot be watched
const CONNECTIONS_MAX = 32;

let made = 0; // sockets by this process: their temporary names differ

export type ConfigurationSocketOptions = Readonly<{
  interfaceName: string;
  device: Configurable;
  log: Log;
  onRemoved: () => void; // somebody removed or replaced the file
  folder?: string;
}>;

/** The names `wg-quick` takes; also keeps slashes out of paths. */
export function isInterfaceName(name: string): boolean {
  return /^[a-zA-Z0-9_=+.-]{1,15}$/.test(name) && name !== '.' && name !== '..';
}

/** The number of an interface in our network namespace. */
export function interfaceIndex(name: string): number | undefined {
  if (!isInterfaceName(name)) return undefined;
  try {
    return Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'));
  } catch {
    return undefined;
  }
}

export class ConfigurationSocket {
  readonly path: string;
  private readonly temporary: string;
  private readonly folder: string;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private inode: string | undefined; // of our file; nobody else gets it as long as we listen
  private unwatch = () => {};

  constructor(private readonly options: ConfigurationSocketOptions) {
    const { interfaceName, folder = SOCKET_FOLDER } = options;
    if (!isInterfaceName(interfaceName)) throw new RangeError(`"interfaceName" ${interfaceName}`);
    this.folder = folder;
    this.path = `${folder}/${interfaceName}.sock`;
    this.temporary = `${folder}/.${interfaceName}.${process.pid}.${made++}`;
    this.server = createServer({ allowHalfOpen: true }, (socket) => this.accept(socket));
    this.server.maxConnections = CONNECTIONS_MAX;
  }

  /**
   * Begins to serve; a file that no one answers on is replaced. False: after `patience` (ms) a
   * live process still holds the name. Rejects where the folder cannot be written.
   */
  async open(patience: number): Promise<boolean> {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    await this.bind();
    const end = performance.now() + patience;
    try {
      while (!this.claim()) {
        if (!(await this.clearStale())) continue;
        if (performance.now() >= end) {
          await this.stop();
          return false;
        }
        await sleep(RETRY_MS);
      }
    } finally {
      rmSync(this.temporary, { force: true });
    }
    this.watch();
    return true;
  }

  /** Ends all connections and removes the file if it is still ours. */
  async stop(): Promise<void> {
    this.unwatch();
    if (this.inode !== undefined && inodeOf(this.path) === this.inode) unlinkSync(this.path);
    this.inode = undefined;
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private bind(): Promise<void> {
    rmSync(this.temporary, { force: true }); // a process that died had our number
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.once('listening', () => {
        this.server.off('error', reject);
        this.server.on('error', (error) => this.options.log('error', error.message));
        resolve();
      });
      const mask = process.umask(0o177); // bind() makes the file before listen() returns: 0600
      this.server.listen(this.temporary);
      process.umask(mask);
    });
  }

  /** Gives our socket its name, unless a file has it. */
  private claim(): boolean {
    try {
      linkSync(this.temporary, this.path);
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return false;
      throw error;
    }
    this.inode = inodeOf(this.path);
    return true;
  }

  /** Whether a live process answers on the file; else removes it. */
  private async clearStale(): Promise<boolean> {
    const seen = inodeOf(this.path);
    if (seen === undefined) return false;
    if (await answers(this.path)) return true;
    if (inodeOf(this.path) === seen) rmSync(this.path, { force: true });
    return false;
  }

  private watch(): void {
    const look = () => {
      if (inodeOf(this.path) === this.inode) return;
      this.unwatch();
      this.options.onRemoved();
    };
    try {
      const watcher = watch(this.folder, { persistent: false }, look);
      watcher.on('error', () => {});
      this.unwatch = () => watcher.close();
      look(); // what happened before the watch began
    } catch {
      const timer = setInterval(look, LOOK_MS).unref(); // inotify's watches are used up
      this.unwatch = () => clearInterval(timer);
    }
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    serveConnection(socket, this.options.device, interfaceIndex, this.options.log);
  }
}

/**
 * For `kith up`, which neither waits for the name nor ends with the socket. Resolves to what stops
 * serving; where the name is held by another process, that does nothing.
 */
export async function serveBeside(
  interfaceName: string,
  device: Configurable,
  log: Log,
  folder = SOCKET_FOLDER,
): Promise<() => Promise<void>> {
  if (!isInterfaceName(interfaceName)) {
    log('info', `no configuration socket: \`wg\` has no interface called "${interfaceName}"`);
    return async () => {};
  }
  const onRemoved = () => log('info', `${socket.path} was removed: \`wg\` does not find us now`);
  const socket = new ConfigurationSocket({ interfaceName, device, log, onRemoved, folder });
  try {
    if (await socket.open(0)) return () => socket.stop();
    log('info', `${socket.path} is held by another process: \`wg\` shows that one's interface`);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    log('error', `no configuration socket for \`wg\`: ${error instanceof Error && error.message}`);
  }
  return async () => {};
}

/** A refused connection means that no process listens any more. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.on('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', (error) => {
      const code = systemCode(error);
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT' && code !== 'ENOTSOCK');
    });
  });
}

function inodeOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat && `${stat.dev}:${stat.ino}`;
}
