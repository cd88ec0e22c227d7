// One WireGuard interface, whole: the machine, the data plane under it, its two sockets and the
// allowed IPs. `kith wg` drives it through the configuration socket, `kith up` from kith.json.

import { randomBytes } from 'node:crypto';
import { family } from './bytes/address.js';
import { awaitClock } from './clockwatch.js';
import type { Cipher } from './dataplane/engines/engine.js';
import { PEERS_MAX } from './dataplane/layout.js';
import { type PlaneEvent, SLOT_IPV4, SLOT_IPV6 } from './dataplane/orders.js';
import { type Offloads, Plane, type PlaneCounters } from './dataplane/plane.js';
import { isClockSynchronised } from './dataplane/synchronised.js';
import { Driver, type Overlay } from './driver.js';
import {
  type Configurable,
  type DeviceChange,
  DeviceError,
  type DeviceState,
  type PeerChange,
  type PeerState,
} from './wireguard/configuration.js';
import { Device } from './wireguard/device.js';
import type { Effect, PeerId } from './wireguard/effects.js';

export type TunnelOptions = Readonly<{
  interfaceName: string;
  mtu: number;
  cipher: Cipher;
  workers: 'auto' | 1 | 2;
  offloads: Offloads;
  /** What the last run persisted, see saveCeiling; undefined: nothing. */
  ceiling?: number | undefined;
  saveCeiling: (seconds: number) => void;
  log: (level: 'error' | 'info' | 'verbose', line: string) => void;
  /** The interface was deleted under us. */
  onGone: () => void;
}>;

export const OFFLOADS_ALL: Offloads = {
  tunSegmentation: true,
  udpSegmentation: true,
  udpReceive: true,
};

// errno.h
const EBUSY = 16;
const EADDRINUSE = 98;
const EAFNOSUPPORT = 97;
const ENOSPC = 28;

/** A port that is free over IPv4 may be taken over IPv6: how many the kernel may propose. */
const PORT_TRIES = 10;

export class Tunnel implements Configurable {
  readonly plane: Plane;
  readonly device: Device;
  private readonly driver: Driver;
  private listenPort = 0;
  private fwmark = 0;
  private isUp = false;
  private stopClock = () => {};

  constructor(private readonly options: TunnelOptions) {
    const { interfaceName, mtu, cipher, workers, offloads } = options;
    this.plane = new Plane({
      interfaceName,
      mtu,
      cipher,
      workers,
      offloads,
      onEvent: (event) => this.driver.onEvent(event),
    });
    this.device = new Device({
      random: (bytes) => new Uint8Array(randomBytes(bytes)),
      traffic: (peer) => this.plane.traffic(peer),
      slotFor: ({ address }) => (family(address) === 4 ? SLOT_IPV4 : SLOT_IPV6),
      ceiling: options.ceiling,
    });
    this.driver = new Driver({
      device: this.device,
      plane: this.plane,
      saveCeiling: options.saveCeiling,
      onOther: (event) => this.onOther(event),
    });
  }

  /** UDP; 0: none yet. */
  get port(): number {
    return this.listenPort;
  }

  get interfaceName(): string {
    return this.plane.interfaceName;
  }

  /** The TUN's file descriptor, once started; for LinkWatch. */
  get tunFd(): number {
    return this.plane.tunFd;
  }

  /** The mesh above this tunnel; undefined: none any more. */
  attach(overlay: Overlay | undefined): void {
    this.driver.overlay = overlay;
  }

  /** Effects of the device that somebody else brought about. */
  perform(effects: readonly Effect[]): void {
    this.driver.perform(effects);
  }

  /** A socket beside those of the listen port, on a port that the kernel chooses. */
  openPunchSlot(slot: number, family: 4 | 6): void {
    try {
      this.plane.openSlot(slot, { family, port: 0, fwmark: this.fwmark });
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      this.options.log('verbose', `no further socket: ${error.message}`);
    }
  }

  /** Opens the interface and awaits `ready`. */
  async start(): Promise<void> {
    await this.open();
    await this.ready();
  }

  /**
   * Creates the interface, which can be configured then; its packets wait until it is ready. Both
   * reject with an Error whose message is fit for a person.
   */
  async open(): Promise<void> {
    await this.plane.start();
    this.stopClock = awaitClock(isClockSynchronised, () => this.device.clockSynchronised());
  }

  /** Resolves once packets move. */
  ready(): Promise<void> {
    return this.plane.ready();
  }

  async stop(): Promise<void> {
    this.stopClock();
    this.driver.perform(this.device.close());
    this.driver.stop();
    await this.plane.stop();
  }

  /** The interface went up or down, or its MTU changed. DeviceError where a port is taken. */
  setLink(up: boolean, mtu: number): void {
    this.plane.order({ kind: 'mtu', mtu });
    if (up === this.isUp) return;
    if (up) this.openSockets(this.listenPort);
    this.isUp = up;
    const now = this.plane.now();
    this.driver.perform(up ? this.device.up(now, Date.now()) : this.device.down());
    if (!up) this.closeSockets();
  }

  apply(change: DeviceChange): void {
    const peers = (change.peers ?? []).filter((peer) => !this.isMembers(peer));
    if (change.fwmark !== undefined) this.setMark(change.fwmark);
    if (change.listenPort !== undefined) this.setListenPort(change.listenPort);
    if (change.privateKey !== undefined) {
      this.driver.perform(this.device.setPrivateKey(change.privateKey));
    }
    if (change.replacePeers) {
      for (const peer of this.device.peers())
        if (!this.driver.overlay?.isMember(peer)) this.driver.perform(this.device.removePeer(peer));
    }
    for (const peer of peers) this.applyPeer(peer);
  }

  state(): DeviceState {
    return {
      privateKey: this.device.privateKey(),
      publicKey: this.device.publicKey(),
      listenPort: this.listenPort,
      fwmark: this.fwmark,
      peers: this.device.peers().map((peer): PeerState => {
        const { place, ...view } = this.device.view(peer);
        return {
          ...view,
          endpoint: place?.endpoint ?? null,
          allowedIps: this.plane.routes.list(peer),
        };
      }),
    };
  }

  /** Packets dropped, by reason, of the workers and of the machine; and the engine that serves. */
  counters(): PlaneCounters & { handshakeDrops: Readonly<Record<string, number>> } {
    return { ...this.plane.counters(), handshakeDrops: this.device.drops() };
  }

  /** Rows of members are the mesh's alone: what would take one away or move it does nothing. */
  private isMembers({ publicKey, remove, updateOnly }: PeerChange): boolean {
    const peer = this.device.findPeer(publicKey);
    if (peer === undefined || !this.driver.overlay?.isMember(peer)) return false;
    if (remove || updateOnly) return true;
    throw new DeviceError('a peer with this key is a member of the mesh already', EBUSY);
  }

  private applyPeer(change: PeerChange): void {
    const peer = this.device.findPeer(change.publicKey);
    if (change.remove) {
      if (peer !== undefined) this.driver.perform(this.device.removePeer(peer));
    } else if (peer !== undefined) {
      this.setPeer(peer, change);
    } else if (!change.updateOnly) {
      if (this.device.peerCount >= PEERS_MAX) {
        throw new DeviceError(`there is no room for more than ${PEERS_MAX} peers`, ENOSPC);
      }
      const added = this.device.addPeer(change.publicKey);
      if (added === undefined) return; // our own key
      this.driver.perform(added.effects);
      this.setPeer(added.peer, change);
    }
  }

  private setPeer(peer: PeerId, change: PeerChange): void {
    const { device, driver, plane } = this;
    if (change.presharedKey !== undefined) device.setPresharedKey(peer, change.presharedKey);
    if (change.replaceAllowedIps) plane.routes.removePeer(peer);
    for (const { prefix, remove } of change.allowedIps ?? []) {
      if (remove) plane.routes.remove(prefix, peer);
      else plane.routes.add(prefix, peer);
    }
    // Last: an endpoint lets waiting packets go, a keepalive may start a handshake.
    if (change.endpoint !== undefined) {
      driver.perform(device.setEndpoint(peer, change.endpoint, plane.now(), Date.now()));
    }
    if (change.keepalive !== undefined) {
      driver.perform(device.setKeepalive(peer, change.keepalive, plane.now(), Date.now()));
    }
  }

  private setMark(fwmark: number): void {
    if (fwmark === this.fwmark) return;
    this.fwmark = fwmark;
    this.plane.setMark(fwmark);
    this.driver.perform(this.device.forgetSources());
  }

  private setListenPort(port: number): void {
    if (port !== 0 && port === this.listenPort) return;
    if (!this.isUp) {
      this.listenPort = port;
      return;
    }
    const before = this.listenPort;
    this.closeSockets();
    try {
      this.openSockets(port);
    } catch (error) {
      this.openSockets(before);
      throw error;
    }
  }

  private openSockets(port: number): void {
    for (let tries = 1; ; tries++) {
      try {
        this.listenPort = this.openBoth(port);
        return;
      } catch (error) {
        this.closeSockets();
        const chosen = port === 0 && error instanceof DeviceError && error.errno === EADDRINUSE;
        if (!chosen || tries >= PORT_TRIES) throw error;
      }
    }
  }

  private openBoth(port: number): number {
    const { plane, fwmark } = this;
    const opened = plane.openSlot(SLOT_IPV4, { family: 4, port, fwmark });
    try {
      plane.openSlot(SLOT_IPV6, { family: 6, port: opened.port, fwmark });
    } catch (error) {
      if (!(error instanceof DeviceError && error.errno === EAFNOSUPPORT)) throw error;
      this.options.log('info', 'this kernel has no IPv6: peers are reached over IPv4 only');
    }
    return opened.port;
  }

  private closeSockets(): void {
    this.plane.closeSlot(SLOT_IPV4);
    this.plane.closeSlot(SLOT_IPV6);
  }

  private onOther(event: PlaneEvent): void {
    if (event.kind === 'gone') this.options.onGone();
    if (event.kind === 'alarm') {
      this.options.log('error', `cipher engine ${event.engine}: ${event.reason}; noble serves now`);
    }
  }
}
