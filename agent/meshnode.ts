// A mesh that runs on a real tunnel: the machine and its underlay, the overlay's addresses and
// routes, what is written down, and the watch over this machine's ways out.

import { randomBytes } from 'node:crypto';
import { linkAddresses } from '../board/machine.js';
import {
  type Endpoint,
  family,
  formatEndpoint,
  formatPrefix,
  prefixContains,
} from './bytes/address.js';
import { encodeKey } from './bytes/base64.js';
import type { MeshPath, MeshStatus } from './commands/context.js';
import { parseHost } from './config/host.js';
import { guestHosts } from './control/guests.js';
import type { MemberStatus, MeshSettings, RunningMesh } from './control/ports.js';
import type { Believed } from './control/rosterfile.js';
import { PrivateKey } from './crypto/x25519.js';
import { SLOT_IPV4, SLOT_IPV6 } from './dataplane/orders.js';
import { isClockSynchronised } from './dataplane/synchronised.js';
import { WayWatch } from './dataplane/waywatch.js';
import { wayOut } from './discovery/gateway.js';
import { PortMapping } from './discovery/portmap.js';
import { reissue } from './identity/admin.js';
import { ownProfile } from './identity/door.js';
import { doorKeyOf } from './identity/doorkey.js';
import { EpochKeys } from './identity/epochkeys.js';
import type { NodeId, RosterChange } from './identity/member.js';
import { idOf } from './identity/nodeid.js';
import { lookAround } from './lookaround.js';
import { Meeting } from './meeting.js';
import { buildMesh } from './mesh/house.js';
import type { Mesh } from './mesh/mesh.js';
import { OverlayLink } from './overlaylink.js';
import { Relayed } from './relayed.js';
import { Remembered } from './remembered.js';
import type { Tunnel } from './tunnel.js';
import { type Keeper, Underlay } from './underlay.js';
import { Visits } from './visits.js';
import type { Traffic } from './wireguard/effects.js';

const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
const GIGABYTE = 1e9;
/** Statements of others come in bursts; ours about ourselves follow when it has calmed down. */
const SETTLE_MS = 300;

export class MeshNode implements RunningMesh {
  private readonly self: NodeId;
  private readonly privateKey: PrivateKey;
  private readonly keys: EpochKeys;
  private readonly tunnel: Tunnel;
  private readonly mesh: Mesh;
  private readonly underlay: Underlay;
  private readonly ways: WayWatch;
  private readonly remembered: Remembered;
  private readonly relayed: Relayed;
  private readonly meeting: Meeting;
  private readonly visits: Visits;
  private mapping: PortMapping | undefined;
  private mappedPort = 0;
  private readonly link: OverlayLink;
  private settle: NodeJS.Timeout | undefined;
  private locals = '';
  private stopped = false;

  constructor(private readonly settings: MeshSettings & Readonly<{ tunnel: Tunnel }>) {
    const { tunnel, roster, identity, config, folder } = settings;
    const { signer } = identity;
    this.tunnel = tunnel;
    this.self = idOf(signer.key);
    const peers = () => config().peers;
    const { interfaceName: name } = tunnel; // what the configuration says may be for the next start
    this.link = new OverlayLink({ name, self: this.self, roster, peers, log: settings.log });
    this.remembered = new Remembered(folder, config().mesh.discovery.remember, settings.log);
    this.relayed = new Relayed(folder, settings.log);
    const { endpoint } = config();
    const host = endpoint === null ? undefined : parseHost(endpoint);
    this.privateKey = new PrivateKey(identity.privateKey.bytes.slice());
    this.keys = new EpochKeys(roster, signer, this.privateKey);
    for (const share of settings.shares) this.keys.take(share);
    this.mesh = buildMesh({
      roster,
      signer,
      epochKeys: this.keys,
      random,
      traffic: (node) => {
        const peer = this.underlay.peerOf(node);
        return peer === undefined ? QUIET : tunnel.plane.traffic(peer);
      },
      slotFor: ({ address }) => (family(address) === 4 ? SLOT_IPV4 : SLOT_IPV6),
      isSynchronised: isClockSynchronised,
      port: () => tunnel.port,
      mtuMax: config().interface.mtu,
      share: () => shareOf(config().mesh.share),
      ledger: this.relayed.ledger,
      predictPorts: () => config().mesh.portPrediction,
      remembered: (node) => this.remembered.get(node),
      configured: host ? literal(host) : [],
      rowsForAll: true,
    });
    this.underlay = new Underlay(tunnel, this.mesh, this.keeper());
    this.ways = new WayWatch(() => this.moved());
    this.visits = new Visits({
      roster,
      signer,
      onWelcome: (statements) => this.take(statements),
      note: (node, text) => settings.log('verbose', `${this.nameOf(node)}: visit: ${text}`),
    });
    const { keys, self } = this;
    this.meeting = new Meeting({
      roster,
      self,
      keys,
      random,
      lanAddresses: () => linkAddresses(name).filter(isIpv4),
      onRecord: (record) => this.underlay.tell((mesh, at) => mesh.onRecord(record, at)),
      log: settings.log,
    });
  }

  async start(): Promise<void> {
    const { tunnel, underlay, settings } = this;
    const isMember = ({ node }: Believed) => settings.roster.member(node) !== undefined;
    const door = doorKeyOf(settings.roster.meshKey);
    door.privateKey.fill(0);
    tunnel.perform(tunnel.device.setDoor(door.publicKey));
    this.limitShare();
    underlay.start();
    await this.link.follow();
    this.tellLocals();
    if (!this.ways.start())
      settings.log('info', 'the kernel tells nothing of address changes: restart kith after one');
    // Of who has been revoked since nothing is believed.
    for (const { node, endpoint } of settings.believed.filter(isMember))
      underlay.tell((mesh, at) => mesh.believe(node, endpoint, at));
    for (const [node, endpoint] of this.remembered.all())
      underlay.tell((mesh, at) => mesh.remind(node, [endpoint], at));
    if (settings.config().mesh.portMapping) this.mapPort();
    if (settings.config().mesh.discovery.lan) await this.meeting.startLan();
    this.linked();
    this.consider();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.settle);
    this.ways.stop();
    this.underlay.tell((mesh, at) => mesh.bye(at));
    this.underlay.stop();
    this.tunnel.perform(this.tunnel.device.setDoor(null));
    this.remembered.flush();
    this.relayed.flush();
    this.meeting.stop();
    await this.mapping?.stop();
    await this.link.stop();
    await this.visits.stop();
    this.privateKey.wipe();
    this.settings.identity.wipe();
  }

  // As the membership tells it

  added(statements: readonly Uint8Array[], changes: readonly RosterChange[]): void {
    this.underlay.tell((mesh, at) => mesh.onStatements(statements, changes, at));
    this.consider();
  }

  linked(): void {
    const { mesh, mqtt } = this.settings.config();
    const link = mesh.discovery.mqtt ? this.settings.link() : undefined;
    if (link) this.meeting.startMqtt(link, mqtt.baseTopic);
  }

  endpoints(): readonly Believed[] {
    const own = this.mesh.endpoints().map((endpoint) => ({ node: this.self, endpoint }));
    const others = this.mesh.reachable().filter(({ node }) => node !== this.self);
    // A newcomer has to get in: where nobody has reached us yet, those who are reached come first.
    const proven = this.mesh.view().reachable;
    return proven ? [...own, ...others] : [...others, ...own];
  }

  // As people see it

  addresses(): readonly string[] {
    return this.link.addresses.map(formatPrefix);
  }

  members(): readonly MemberStatus[] {
    const { roster } = this.settings;
    const members = [...roster.members()].filter(({ node }) => node !== this.self);
    members.sort((a, b) => (a.name < b.name ? -1 : 1));
    return members.map(({ node, name, publicKey }) => {
      const { class: kind, via, place, rttMs, mtu, reason } = this.mesh.path(node);
      return {
        name,
        publicKey: encodeKey(publicKey),
        endpoint: place ? formatEndpoint(place.endpoint) : null,
        path: { class: kind, via: via && this.nameOf(via), rttMs, mtu, reason },
      };
    });
  }

  status(): MeshStatus {
    const { roster } = this.settings;
    const view = this.mesh.view();
    return {
      id: idOf(roster.meshKey),
      node: this.self,
      members: roster.memberCount,
      trackers: view.trackers.map((node) => this.nameOf(node)),
      reachable: view.reachable,
      nat: view.nat,
      tracked: view.tracked,
      relay: {
        circuits: view.circuits,
        givenBytes: view.given,
        takenBytes: view.taken,
      },
    };
  }

  paths(): Promise<readonly MeshPath[]> {
    const { mesh, underlay, self } = this;
    return lookAround({ mesh, underlay, roll: this.settings.roster, self });
  }

  // Inside

  private nameOf(node: NodeId): string {
    return this.settings.roster.member(node)?.name ?? node.slice(0, 8);
  }

  private keeper(): Keeper {
    const { settings } = this;
    return {
      keep: () => this.changed(),
      discard: () => this.changed(),
      remember: (node, endpoint) => this.remembered.set(node, endpoint),
      metered: () => this.relayed.look(),
      visit: (node, endpoints) => this.visits.begin(node, endpoints),
      publish: (record) => this.meeting.publish(record),
      mtu: (node, mtu) => this.link.raise(node, mtu),
      note: (code, node, text) =>
        settings.log(
          'verbose',
          `${node === undefined ? '' : `${this.nameOf(node)}: `}${code}: ${text}`,
        ),
      publicKeyOf: (node) => settings.roster.member(node)?.publicKey,
      isOverlay: ({ address }) =>
        this.link.prefixes().some((prefix) => prefixContains(prefix, address)),
    };
  }

  /** The roster is another one than before. */
  private changed(): void {
    this.settings.onRoster();
    this.settle ??= setTimeout(() => {
      this.settle = undefined;
      this.consider();
    }, SETTLE_MS);
  }

  /** What the roster asks of this node: its address, and certificates if it is an admin. */
  private consider(): void {
    if (this.stopped) return;
    const { roster, identity } = this.settings;
    const { signer } = identity;
    for (const node of [...this.remembered.all().keys()])
      if (!roster.member(node)) this.remembered.forget(node);
    const at = Math.max(Date.now(), roster.newestIssue);
    const own: Uint8Array[] = [];
    const guests = guestHosts(this.settings.config(), roster);
    const told = roster.record(this.self).profile?.guests ?? [];
    const isNew = !roster.ownsHost(this.self) || told.join() !== guests.join();
    if (roster.member(this.self) && isNew) own.push(ownProfile(roster, signer, { guests }, at));
    own.push(...reissue(roster, signer, at, { keys: this.keys, random }));
    this.take(own);
    this.meeting.rosterChanged();
    this.link.follow();
  }

  /** Into the roster, into the mesh, and on to others; what is there already is not new. */
  private take(statements: readonly Uint8Array[]): void {
    const { roster } = this.settings;
    const { changes, added } = roster.add(statements);
    if (added.length === 0) return;
    const fresh = added.flatMap((id) => roster.get(id) ?? []);
    this.underlay.tell((mesh, at) => mesh.onStatements(fresh, changes, at));
    this.settings.onRoster();
  }

  private limitShare(): void {
    const { relayMbps } = this.settings.config().mesh.share;
    const bytesPerSecond = relayMbps === null ? Infinity : (relayMbps * 1e6) / 8;
    this.tunnel.plane.order({ kind: 'share', bytesPerSecond, burst: bytesPerSecond / 4 });
  }

  private mapPort(): void {
    const { port } = this.tunnel;
    if (port === 0) return;
    this.mappedPort = port;
    this.mapping = new PortMapping({
      port,
      random,
      onMapping: (endpoint) => this.underlay.tell((mesh, at) => mesh.onPortMapping(endpoint, at)),
    });
    this.mapping.start();
  }

  reconfigured(): void {
    this.limitShare();
    this.moved(); // where the port is another one
    this.consider(); // guests that came or went
  }

  /** The router in front is another one, or the port is. */
  private async remap(): Promise<void> {
    const { mapping } = this;
    if (mapping === undefined) return;
    if (this.mappedPort === this.tunnel.port) mapping.moved();
    else {
      this.mapPort();
      await mapping.stop();
    }
  }

  /** The kernel says that an address, a route or a link has changed; most do not concern us. */
  private moved(): void {
    if (this.stopped || !this.tellLocals()) return;
    this.tunnel.perform(this.tunnel.device.forgetSources());
    this.underlay.tell((mesh, at) => mesh.onMoved(at));
    this.remap().catch((error) => this.settings.log('error', String(error)));
    this.meeting.moved().catch((error) => this.settings.log('error', String(error)));
  }

  /** True where they are others than before. */
  private tellLocals(): boolean {
    const { interfaceName, port } = this.tunnel;
    const addresses = linkAddresses(interfaceName);
    const text = [port, wayOut(interfaceName), ...addresses].join(' ');
    const isNew = text !== this.locals;
    this.locals = text;
    if (isNew) this.underlay.tell((mesh, at) => mesh.onLocal(addresses, port, at));
    return isNew;
  }
}

const QUIET: Traffic = {
  unansweredSince: 0,
  unacknowledgedSince: 0,
  dataReceivedAt: 0,
  receivedAt: 0,
  sentAt: 0,
  receivedBytes: 0,
  sentBytes: 0,
};

function isIpv4(address: string): boolean {
  return family(address) === 4;
}

function shareOf(share: Readonly<{ relay: boolean; relayGbPerMonth: number | null }>) {
  const { relay, relayGbPerMonth: quota } = share;
  return { relay, quotaBytes: quota === null ? null : quota * GIGABYTE };
}

function literal({ host, port }: Readonly<{ host: string; port: number }>): Endpoint[] {
  return /^[\d.]+$|:/.test(host) ? [{ address: host, port }] : [];
}

/** For agent.ts: the settings are those of a tunnel that agent.ts has made. */
export function makeMeshNode(settings: MeshSettings): MeshNode {
  return new MeshNode({ ...settings, tunnel: settings.tunnel as Tunnel });
}
