// TCP on addresses of this machine that come and go: a router has its LAN address at once, a
// laptop when it finds a network.

import { createServer, type Server, type Socket } from 'node:net';
import { systemCode } from '../../commands/failure.js';

export type ListeningOptions = Readonly<{
  port: number;
  addresses(): readonly string[];
  onConnection(socket: Socket): void;
}>;

const PORTS_TRIED = 16;
const CONNECTIONS_MAX = 64; // per address: a browser opens six
const LOOK_MS = 30_000;

export class Listening {
  /** The port, once it is found; 0 where none of them is free. */
  port = 0;
  private readonly servers = new Map<string, Server>();
  private readonly sockets = new Set<Socket>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: ListeningOptions) {}

  /** The port, or the next that is free at all addresses. */
  async start(): Promise<void> {
    const { port: wanted } = this.options;
    for (let port = wanted; port < Math.min(wanted + PORTS_TRIED, 65536); port++) {
      if (await this.openAll(port)) break;
      if (wanted === 0) return;
    }
    this.watch();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const server of this.servers.values()) server.close();
    this.servers.clear();
    for (const socket of this.sockets) socket.destroy();
  }

  addresses(): string[] {
    return [...this.servers.keys()];
  }

  private async openAll(wanted: number): Promise<boolean> {
    let port = wanted;
    for (const address of this.options.addresses()) {
      const opened = await this.open(address, port);
      if (opened === 'taken') {
        this.closeAll();
        return false;
      }
      if (opened !== 'absent') port = opened;
    }
    this.port = this.servers.size > 0 ? port : 0;
    return this.servers.size > 0;
  }

  private closeAll(): void {
    for (const server of this.servers.values()) server.close();
    this.servers.clear();
  }

  private watch(): void {
    this.timer = setTimeout(() => void this.follow(), LOOK_MS);
    this.timer.unref();
  }

  private async follow(): Promise<void> {
    const wanted = this.options.addresses();
    for (const [address, server] of this.servers) {
      if (wanted.includes(address)) continue;
      server.close();
      this.servers.delete(address);
    }
    for (const address of wanted)
      if (!this.servers.has(address) && this.port > 0) await this.open(address, this.port);
    if (this.timer !== undefined) this.watch();
  }

  private open(address: string, port: number): Promise<number | 'taken' | 'absent'> {
    return new Promise((resolve) => {
      const server = createServer((socket) => this.accept(socket));
      server.maxConnections = CONNECTIONS_MAX;
      server.once('error', (error) => {
        const gone = ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'];
        resolve(gone.includes(systemCode(error) ?? '') ? 'absent' : 'taken');
      });
      server.listen({ port, host: address, ipv6Only: true }, () => {
        server.on('error', () => {}); // of one connection: accept() failed
        this.servers.set(address, server);
        const bound = server.address();
        resolve(typeof bound === 'object' && bound ? bound.port : port);
      });
    });
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    this.options.onConnection(socket);
  }
}
