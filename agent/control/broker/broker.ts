// A small broker in the agent (aedes, MQTT 3.1.1), so that dashboards work where no other is set
// up. It sleeps until somebody connects: only then is its code loaded, and only then does the agent
// publish anything.

import type { Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { Duplex, Transform } from 'node:stream';
import type { Aedes, Client } from 'aedes';
import { systemCode } from '../../commands/failure.js';
import type { Config } from '../../config/schema.js';
import { PacketSize } from '../mqtt/packetsize.js';
import type { Dial } from '../mqtt/wire.js';
import type { Log } from '../ports.js';
import { type LocalBroker, localDial } from './local.js';
import { PAYLOAD_BYTES_MAX, roomRules } from './room.js';

export type BrokerOptions = Readonly<{
  settings: Config['broker'];
  password: Uint8Array;
  /** Where to listen: addresses of this machine. */
  addresses: readonly string[];
  /** Somebody has connected for the first time. */
  onAwake(): void;
  log: Log;
}>;

export type BrokerView = Readonly<{
  port: number; // 0: it does not listen
  webSocketPort: number;
  awake: boolean;
  clients: number;
}>;

const CONNECTIONS_MAX = 32; // dashboards and gadgets of one home
const PORTS_TRIED = 16;

export class Broker {
  private readonly servers: (Server | HttpServer)[] = [];
  private readonly trusted = new WeakSet<object>(); // streams
  private waking: Promise<Aedes> | undefined;
  private aedes: Aedes | undefined;
  private local: LocalBroker | undefined;
  private port = 0;
  private webSocketPort = 0;

  constructor(private readonly options: BrokerOptions) {}

  async start(): Promise<void> {
    const { settings, log } = this.options;
    const tcp = () => this.limited(createServer((socket) => this.accept(socket)));
    this.port = await this.listen(settings.port, tcp);
    if (this.port === 0) log('error', `no port for the broker near ${settings.port} is free`);
    if (settings.webSocketPort === null) return;
    const { webSocketServer } = await import('./websocket.js');
    const http = () => this.limited(webSocketServer((stream) => this.accept(stream)));
    this.webSocketPort = await this.listen(settings.webSocketPort, http);
  }

  async stop(): Promise<void> {
    const { aedes } = this;
    if (aedes) await new Promise<void>((resolve) => aedes.close(resolve));
    for (const server of this.servers.splice(0)) {
      if ('closeAllConnections' in server) server.closeAllConnections();
      server.close();
    }
  }

  /** Takes a connection; `trusted` ones need no password and may do everything. */
  accept(stream: Duplex | Socket, trusted = false): void {
    stream.on('error', () => stream.destroy());
    const guarded = guard(stream);
    if (trusted) this.trusted.add(guarded);
    this.wake().then(
      (aedes) => aedes.handle(guarded),
      (error) => {
        this.options.log('error', `the broker does not start: ${String(error)}`);
        stream.destroy();
      },
    );
  }

  /** The agent's own way in; undefined while the broker sleeps. */
  dial(): Dial | undefined {
    return this.local && localDial(this.local);
  }

  view(): BrokerView {
    const { port, webSocketPort, aedes } = this;
    return { port, webSocketPort, awake: !!aedes, clients: aedes?.connectedClients ?? 0 };
  }

  private wake(): Promise<Aedes> {
    this.waking ??= this.load();
    return this.waking;
  }

  private async load(): Promise<Aedes> {
    const { Aedes } = await import('aedes');
    const { default: packets } = await import('mqtt-packet');
    packets.writeToStream.cacheNumbers = false; // or 16 MB of two-byte buffers at the first packet
    const trusted = (client: Client) => this.trusted.has(client.conn);
    const aedes = await Aedes.createBroker(roomRules(this.options.password, trusted));
    aedes.on('clientError', () => {}); // without a listener they would end the process
    aedes.on('connectionError', () => {});
    this.aedes = aedes;
    this.local = { aedes, trusted };
    setImmediate(() => this.options.onAwake());
    return aedes;
  }

  private limited<S extends Server | HttpServer>(server: S): S {
    server.maxConnections = CONNECTIONS_MAX;
    return server;
  }

  /** The port, or the next that is free at all addresses; 0 where none of them is. */
  private async listen(wanted: number, make: () => Server | HttpServer): Promise<number> {
    for (let port = wanted; port < Math.min(wanted + PORTS_TRIED, 65536); port++) {
      const found = await this.listenAt(port, make);
      if (found !== undefined) return found;
      if (wanted === 0) break;
    }
    return 0;
  }

  private async listenAt(port: number, make: () => Server | HttpServer) {
    const opened: (Server | HttpServer)[] = [];
    let actual = port;
    for (const address of this.options.addresses) {
      const server = make();
      try {
        actual = await bind(server, actual, address);
        opened.push(server);
      } catch (error) {
        const code = systemCode(error);
        if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') continue; // gone, or no IPv6 here
        for (const one of opened) one.close();
        return undefined;
      }
    }
    this.servers.push(...opened);
    return opened.length > 0 ? actual : undefined;
  }
}

function bind(server: Server | HttpServer, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, ipv6Only: true }, () => {
      server.off('error', reject);
      server.on('error', () => {});
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

/** Ends a connection that sends a packet larger than the broker would hold. */
function guard(stream: Duplex): Duplex {
  const size = new PacketSize(PAYLOAD_BYTES_MAX + 1024);
  const readable = new Transform({
    transform(bytes: Buffer, _, done) {
      if (size.see(bytes)) return done(null, bytes);
      stream.destroy();
      done();
    },
  });
  stream.pipe(readable);
  const both = Duplex.from({ readable, writable: stream });
  stream.once('close', () => both.destroy());
  both.once('close', () => stream.destroy());
  return both;
}
