// A WireGuard interface that is nothing but its configuration.

import { formatPrefix, type Prefix } from '../../agent/bytes/address.js';
import type {
  Configurable,
  DeviceChange,
  DeviceState,
  PeerChange,
  PeerState,
} from '../../agent/wireguard/configuration.js';

type Peer = Omit<PeerState, 'allowedIps'> & { readonly allowedIps: Map<string, Prefix> };

const copy = (key: Uint8Array | null) => key && Uint8Array.from(key);
const hex = (key: Uint8Array) => Buffer.from(key).toString('hex');

export class MemoryDevice implements Configurable {
  private own: Omit<DeviceState, 'peers'> = {
    privateKey: null,
    publicKey: null,
    listenPort: 0,
    fwmark: 0,
  };
  private readonly peers = new Map<string, Peer>();
  private readonly owner = new Map<string, Peer>(); // of each allowed IP
  readonly changes: DeviceChange[] = [];
  /** Thrown by the next apply. */
  failure: Error | undefined;

  apply(change: DeviceChange): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure) throw failure;
    this.changes.push(change);
    const { privateKey, listenPort, fwmark } = change;
    if (privateKey !== undefined) this.own = { ...this.own, privateKey: copy(privateKey) };
    if (listenPort !== undefined) this.own = { ...this.own, listenPort };
    if (fwmark !== undefined) this.own = { ...this.own, fwmark };
    if (change.replacePeers) for (const name of [...this.peers.keys()]) this.remove(name);
    for (const peer of change.peers ?? []) this.applyPeer(peer);
  }

  state(): DeviceState {
    const peers = [...this.peers.values()].map((peer) => ({
      ...peer,
      presharedKey: copy(peer.presharedKey),
      allowedIps: [...peer.allowedIps.values()],
    }));
    const { privateKey } = this.own;
    return { ...this.own, privateKey: copy(privateKey), peers };
  }

  private applyPeer(change: PeerChange): void {
    const name = hex(change.publicKey);
    if (change.remove) this.remove(name);
    else if (!change.updateOnly || this.peers.has(name)) this.set(name, change);
  }

  private set(name: string, change: PeerChange): void {
    const before = this.peers.get(name) ?? blank(change.publicKey);
    const { presharedKey = before.presharedKey, keepalive = before.keepalive } = change;
    const { endpoint = before.endpoint } = change;
    const peer: Peer = Object.assign(before, {
      presharedKey: copy(presharedKey),
      keepalive,
      endpoint,
    });
    this.peers.set(name, peer);
    if (change.replaceAllowedIps) this.forget(peer);
    for (const { prefix, remove } of change.allowedIps ?? []) {
      const text = formatPrefix(prefix);
      if (remove && this.owner.get(text) !== peer) continue;
      this.owner.get(text)?.allowedIps.delete(text);
      this.owner.delete(text);
      if (remove) continue;
      peer.allowedIps.set(text, prefix);
      this.owner.set(text, peer);
    }
  }

  private remove(name: string): void {
    const peer = this.peers.get(name);
    if (peer) this.forget(peer);
    this.peers.delete(name);
  }

  private forget(peer: Peer): void {
    for (const text of peer.allowedIps.keys()) this.owner.delete(text);
    peer.allowedIps.clear();
  }
}

function blank(publicKey: Uint8Array): Peer {
  return {
    publicKey,
    presharedKey: null,
    endpoint: null,
    keepalive: 0,
    lastHandshake: 0,
    receivedBytes: 0,
    sentBytes: 0,
    allowedIps: new Map(),
  };
}
