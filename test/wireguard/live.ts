// A device on a real UDP socket of Node's, for talking to a foreign implementation: the driver
// and the worker in a few lines, packets sealed and opened by noble.

import { randomBytes } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Place } from '../../agent/bytes/address.js';
import { open, seal } from '../../agent/crypto/primitives.js';
import { publicKeyOf } from '../../agent/crypto/x25519.js';
import { MacChecker } from '../../agent/wireguard/cookie.js';
import { Device } from '../../agent/wireguard/device.js';
import type { Effect, Session } from '../../agent/wireguard/effects.js';
import { quiet } from './pair.js';

const NOTHING = new Uint8Array(0);

export class Live {
  readonly privateKey = new Uint8Array(randomBytes(32));
  readonly publicKey = publicKeyOf(this.privateKey);
  readonly device = new Device({
    random: (n) => new Uint8Array(randomBytes(n)),
    traffic: () => this.traffic,
    slotFor: () => 0,
  });
  readonly seen: string[] = []; // kinds of messages that went out
  underLoad = false;
  peer = 0;
  /** What is inside an authentic transport message. */
  onPacket: (packet: Uint8Array) => void = () => {};
  private readonly checker = new MacChecker(this.publicKey);
  private readonly socket: Socket;
  private readonly sessions = new Map<number, Session>();
  private readonly traffic = quiet();
  private using: Session | undefined;
  private counter = 0;
  private waiting: Uint8Array[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly address: '127.0.0.1' | '::1') {
    this.socket = createSocket(address === '::1' ? 'udp6' : 'udp4');
    this.socket.on('message', (datagram, from) => this.arrive(Uint8Array.from(datagram), from));
    this.device.clockSynchronised();
    this.perform(this.device.setPrivateKey(Uint8Array.from(this.privateKey)));
    this.perform(this.device.up(performance.now(), Date.now()));
  }

  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.socket.bind(0, this.address, () => resolve(this.socket.address().port));
    });
  }

  addPeer(publicKey: Uint8Array, psk: Uint8Array | null, port?: number): void {
    const added = this.device.addPeer(publicKey)!;
    this.peer = added.peer;
    this.device.setPresharedKey(this.peer, psk);
    if (port === undefined) return;
    const endpoint = { address: this.address, port };
    this.perform(this.device.setEndpoint(this.peer, endpoint, performance.now(), Date.now()));
  }

  /** A user packet for the peer. */
  send(packet: Uint8Array): void {
    if (this.using !== undefined) {
      this.seal(packet);
    } else {
      this.waiting.push(packet);
      this.perform(this.device.onWant(this.peer, performance.now(), Date.now()));
    }
  }

  close(): void {
    clearTimeout(this.timer);
    this.device.close();
    this.socket.close();
  }

  private seal(packet: Uint8Array): void {
    const place = this.device.view(this.peer).place;
    const session = this.using;
    if (session === undefined || place === null) return;
    const padded = new Uint8Array(Math.ceil(packet.length / 16) * 16);
    padded.set(packet);
    const header = Buffer.alloc(16);
    header.writeUInt32LE(4, 0);
    header.writeUInt32LE(session.remoteIndex, 4);
    header.writeUInt32LE(this.counter, 8);
    const sealed = seal(session.sendKey, this.counter++, padded, NOTHING);
    this.emit(Buffer.concat([header, sealed]), place);
    this.traffic.sentAt = performance.now();
  }

  private emit(datagram: Uint8Array, to: Place): void {
    this.seen.push(['', 'initiation', 'response', 'cookie-reply', 'transport'][datagram[0]!]!);
    this.socket.send(datagram, to.endpoint.port, to.endpoint.address);
  }

  private arrive(datagram: Uint8Array, { address, port }: RemoteInfo): void {
    const from = { slot: 0, endpoint: { address, port }, source: null, channel: 0 };
    if (datagram[0] === 4) this.arriveTransport(datagram);
    const check = this.checker.check(datagram);
    if (check === 'bad') return;
    const [now, wall] = [performance.now(), Date.now()];
    this.perform(this.device.onHandshake({ datagram, from, check }, this.underLoad, now, wall));
  }

  private arriveTransport(datagram: Uint8Array): void {
    const view = new DataView(datagram.buffer);
    const index = view.getUint32(4, true);
    const session = [...this.sessions.values()].find(({ localIndex }) => localIndex === index);
    const counter = view.getUint32(8, true);
    const packet = session && open(session.receiveKey, counter, datagram.subarray(16), NOTHING);
    if (session === undefined || packet === undefined) return;
    this.traffic.receivedAt = performance.now();
    const now = performance.now();
    if (session !== this.using) this.perform(this.device.onConfirmed(session.id, now, Date.now()));
    if (packet.length > 0) this.onPacket(packet);
  }

  private perform(effects: Effect[]): void {
    for (const effect of effects) this.act(effect);
    clearTimeout(this.timer);
    const deadline = this.device.deadline();
    if (deadline === undefined) return;
    const tick = () => this.perform(this.device.tick(performance.now(), Date.now()));
    this.timer = setTimeout(tick, Math.max(1, deadline - performance.now()));
  }

  private act(effect: Effect): void {
    if (effect.kind === 'send') this.emit(effect.datagram, effect.to);
    if (effect.kind === 'begin') this.sessions.set(effect.session.id, effect.session);
    if (effect.kind === 'end') this.sessions.delete(effect.session);
    if (effect.kind === 'keepalive') this.seal(NOTHING);
    if (effect.kind === 'use') {
      this.using = effect.session === null ? undefined : this.sessions.get(effect.session);
      this.counter = 0;
      for (const packet of this.waiting.splice(0)) this.seal(packet);
    }
  }
}
