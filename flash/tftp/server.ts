// A TFTP server for one file: whoever asks gets it. One socket hears requests, and each transfer
// has a socket, and so a port, of its own (RFC 1350, section 4).

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { Failure } from '../../agent/commands/failure.js';
import { ErrorCode, errorPacket, readPacket } from './packets.js';
import { type File, refusal, Transfer } from './transfer.js';

export type ServerOptions = Readonly<{
  file: File;
  address: string;
  port: number;
  /** Only this name is served; undefined: any. */
  name: string | undefined;
  onAsked(client: string, name: string): void;
  onProgress(client: string, bytes: number): void;
  onEnd(client: string, error: string | undefined): void;
}>;

const CLIENTS_MAX = 8; // at once: recovery is a matter of one router

export class TftpServer {
  private readonly socket: Socket;
  private readonly clients = new Map<string, () => void>(); // by address and port; ends it

  constructor(private readonly options: ServerOptions) {
    this.socket = createSocket(options.address.includes(':') ? 'udp6' : 'udp4');
    this.socket.on('message', (bytes, from) => this.asked(bytes, from));
  }

  /** Throws Failure. */
  async start(): Promise<number> {
    const { address, port } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.socket.once('error', (error: NodeJS.ErrnoException) => {
        const reasons: Record<string, string> = {
          EACCES: 'not allowed; are you root? Try it with sudo',
          EADDRINUSE: 'another TFTP server has it: stop that first (`ss -ulpn sport = :69`)',
          EADDRNOTAVAIL: 'this machine does not have that address now',
        };
        reject(
          new Failure(`UDP port ${port} of ${address}: ${reasons[error.code ?? ''] ?? error.code}`),
        );
      });
      this.socket.bind(port, address, resolve);
    });
    this.socket.on('error', () => {}); // a client that went away
    return this.socket.address().port;
  }

  stop(): void {
    for (const end of this.clients.values()) end();
    this.socket.close();
  }

  private asked(bytes: Uint8Array, from: RemoteInfo): void {
    const packet = readPacket(bytes);
    const client = `${from.address}:${from.port}`;
    if (!packet || this.clients.has(client)) return; // the request again: the answer is under way
    const { name } = this.options;
    const no = refusal(packet, name);
    if (no) this.socket.send(no, from.port, from.address);
    if (no || packet.kind !== 'read' || this.clients.size >= CLIENTS_MAX) return; // it asks again
    const shown = packet.name.slice(0, 128).replace(/[^ -~]/g, '?');
    this.options.onAsked(client, shown);
    this.serve(new Transfer(this.options.file, packet, performance.now()), client, from);
  }

  private serve(transfer: Transfer, client: string, { address, port }: RemoteInfo): void {
    const { options, clients } = this;
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    let timer: NodeJS.Timeout | undefined;
    const end = () => {
      clearTimeout(timer);
      clients.delete(client);
      socket.close();
    };
    clients.set(client, end);
    const send = (packet: Uint8Array | undefined) => packet && socket.send(packet, port, address);
    const settle = () => {
      options.onProgress(client, transfer.acknowledged);
      const due = transfer.deadline();
      clearTimeout(timer);
      if (due === undefined) {
        end();
        return options.onEnd(client, transfer.state === 'done' ? undefined : transfer.error);
      }
      timer = setTimeout(
        () => {
          send(transfer.tick(performance.now()));
          settle();
        },
        Math.max(1, due - performance.now()),
      );
    };
    socket.on('error', () => {}); // nobody listens there any more: time tells
    socket.on('message', (bytes, from) => {
      if (from.port !== port || from.address !== address) {
        // RFC 1350, section 4: a stranger is told so, and the transfer goes on
        return socket.send(
          errorPacket(ErrorCode.Unknown, 'unknown transfer'),
          from.port,
          from.address,
        );
      }
      const packet = readPacket(bytes);
      if (packet) send(transfer.take(packet, performance.now()));
      settle();
    });
    socket.bind(0, options.address, () => {
      send(transfer.start());
      settle();
    });
  }
}
