// The overlay on the tunnel's interface: our addresses, the routes into the mesh, and a route of
// its own for each member to whom larger packets pass. One change after the other; what could not
// be done is tried again at the next.

import { changeDetour, type Detour, NO_DETOUR } from '../board/detour.js';
import { localPrefixes } from '../board/machine.js';
import { changeOverlay, OVERLAY_MTU, type Overlay, setOverlayMtu } from '../board/overlay.js';
import { formatPrefix, type Prefix, parsePrefix } from './bytes/address.js';
import { overlaps } from './config/prefixes.js';
import type { Config } from './config/schema.js';
import type { NodeId } from './identity/member.js';
import { meshPrefix } from './identity/overlay.js';
import type { Roster } from './identity/roster.js';

const NO_OVERLAY: Overlay = { addresses: [], routes: [] };
const EXIT_BITS = 1; // 0/0 and its halves: all of the internet is no subnet

export type OverlayLinkOptions = Readonly<{
  name: string; // of the interface
  self: NodeId;
  roster: Roster;
  peers: () => Config['peers']; // of kith.json
  log: (level: 'error' | 'info' | 'verbose', line: string) => void;
  change?: typeof changeOverlay; // a test has its own
  detour?: typeof changeDetour;
  setMtu?: typeof setOverlayMtu;
  local?: typeof localPrefixes;
}>;

export class OverlayLink {
  private overlay = NO_OVERLAY;
  private detour: Detour = NO_DETOUR; // what members offer, in which others may be reached
  private readonly mtus = new Map<NodeId, number>(); // proven; members only
  private hosts = new Map<string, number>(); // routes that there are for them
  private work: Promise<void> = Promise.resolve();
  private refused = '';

  constructor(private readonly options: OverlayLinkOptions) {}

  get addresses(): readonly Prefix[] {
    return this.overlay.addresses;
  }

  /** All of the mesh. */
  prefixes(): Prefix[] {
    const { roster } = this.options;
    const ipv4 = roster.policy?.ipv4;
    return [meshPrefix(roster.meshKey), ...(ipv4 ? [ipv4] : [])];
  }

  /** As the roster has it when its turn comes. Never rejects. */
  follow(): Promise<void> {
    return this.next(async () => {
      await this.change();
      await this.changeHosts();
    });
  }

  /** Packets of this size pass to this member. */
  raise(node: NodeId, mtu: number): void {
    if (this.mtus.get(node) === mtu) return;
    this.mtus.set(node, mtu);
    this.next(() => this.changeHosts());
  }

  /** Resolves when all is done that was asked for. */
  settled(): Promise<void> {
    return this.work;
  }

  private next(step: () => Promise<void>): Promise<void> {
    this.work = this.work.then(step).catch((error) => {
      this.options.log('error', error instanceof Error ? error.message : String(error));
    });
    return this.work;
  }

  private async change(): Promise<void> {
    const { name, self, roster, log, change = changeOverlay } = this.options;
    const addresses = roster.member(self)?.addresses;
    const plan = addresses ? this.routes(addresses) : { mesh: [], offers: [] };
    const after = addresses ? { addresses, routes: plan.mesh } : NO_OVERLAY;
    const isOther = texts(addresses ?? []) !== texts(this.overlay.addresses);
    for (const remark of await change(name, this.overlay, after)) log('error', remark);
    this.overlay = after;
    if (isOther) this.hosts.clear(); // they named an address that we have no more
    await this.changeDetour({ routes: plan.offers, mtu: OVERLAY_MTU, sources: after.addresses });
  }

  /** The rules of the kernel's stay when the interface goes. */
  stop(): Promise<void> {
    return this.next(() => this.changeDetour(NO_DETOUR));
  }

  private async changeDetour(after: Detour): Promise<void> {
    const { name, log, detour = changeDetour } = this.options;
    for (const remark of await detour(name, 'members', this.detour, after)) log('error', remark);
    this.detour = after;
  }

  private async changeHosts(): Promise<void> {
    const { name, roster, log, setMtu = setOverlayMtu } = this.options;
    const wanted = new Map<string, number>();
    for (const [node, mtu] of this.mtus) {
      const member = roster.member(node);
      if (member === undefined) this.mtus.delete(node);
      else if (mtu > OVERLAY_MTU)
        for (const address of member.addresses) wanted.set(formatPrefix(address), mtu);
    }
    const gone = [...this.hosts.keys()].filter((address) => !wanted.has(address));
    for (const [address, mtu] of [...wanted, ...gone.map((one) => [one, OVERLAY_MTU] as const)]) {
      if (this.hosts.get(address) === mtu) continue;
      const prefix = parsePrefix(address);
      const remarks = prefix ? await setMtu(name, [prefix], mtu, this.addresses) : [];
      for (const remark of remarks) log('verbose', remark);
    }
    this.hosts = wanted;
  }

  /** The mesh's prefixes, and what members offer; nothing that is somewhere else already. */
  private routes(own: readonly Prefix[]): { mesh: Prefix[]; offers: Prefix[] } {
    const { self, roster, log, local = localPrefixes } = this.options;
    // Those that we had until now may still be on the interface.
    const ours = new Set([...own, ...this.addresses].map(formatPrefix));
    const here = local().filter((prefix) => !ours.has(formatPrefix(prefix)));
    const offers = [...roster.members()].flatMap(({ node, subnets }) =>
      node === self ? [] : subnets.filter(({ length }) => length > EXIT_BITS),
    );
    const refused: string[] = [];
    const isFree = (prefix: Prefix, taken: readonly Prefix[]) => {
      const clash = taken.find((one) => overlaps(one, prefix));
      if (clash) refused.push(`${formatPrefix(prefix)}: ${formatPrefix(clash)} is in use here`);
      return !clash;
    };
    const peers = offers.length === 0 ? [] : this.peerPrefixes();
    const mesh = this.prefixes().filter((prefix) => isFree(prefix, here));
    const free = offers.filter((prefix) => isFree(prefix, here) && isFree(prefix, peers));
    if (refused.join() !== this.refused)
      for (const why of refused) log('info', `no route to ${why}`);
    this.refused = refused.join();
    return { mesh, offers: free };
  }

  private peerPrefixes(): Prefix[] {
    const all = this.options.peers().flatMap(({ allowedIps }) => allowedIps);
    const prefixes = all.flatMap((text) => parsePrefix(text) ?? []);
    return prefixes.filter(({ length }) => length > EXIT_BITS);
  }
}

function texts(prefixes: readonly Prefix[]): string {
  return prefixes.map(formatPrefix).join();
}
