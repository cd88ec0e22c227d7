// placeholder of the writer side; see plane.ts
import type { Prefix } from '../bytes/address.js';
import type { PeerId } from '../wireguard/effects.js';

export declare class AllowedIps {
  add(prefix: Prefix, peer: PeerId): void; // moves it where another peer had it
  remove(prefix: Prefix, peer: PeerId): boolean; // false where this peer does not have it
  removePeer(peer: PeerId): void;
  lookup(address: string): PeerId | undefined;
  list(peer: PeerId): Prefix[];
  readonly size: number;
}
