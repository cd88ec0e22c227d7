// What must be true after every event, whatever the network and the malicious do. Each of these is
// an invariant of the whole, seen from outside: on the wire, at the sockets' ends, in the sizes of
// what a node holds.

import type { NodeId } from '../../agent/identity/member.js';
import type { Watcher } from './brain.js';
import type { Datagram, Host, Net } from './net.js';
import type { SimNode } from './node.js';
import type { World } from './world.js';

/** Stands in every user packet, and must never be seen on a wire. */
const MARK = Buffer.from('plaintext of a user of the simulation');
const MARK_BYTES = MARK.length;

export const CHANNEL = 0x21; // what goes through a relay
export const CHANNEL_HEADER = 8;
const TRANSPORT = 4;
const SESSIONS_MAX = 20_000; // whose counters are remembered
const COUNTERS_MAX = 4_096; // of each, the newest
const HELD_MAX = 50_000; // entries of all maps, sets and lists of one node ...
const HELD_PER_MEMBER = 20; // ... and more in a large mesh
const TICKS_PER_SECOND_MAX = 100; // of one node, and some for each that it tracks; ...
const TICKS_PER_MEMBER = 5;
const TICKS_SPINNING = 900; // ... but a timer that is due again and again fires 1,000 times
const WATCH_MS = 5_000; // how often the ticks of all are counted
const WEIGH_MS = 5_000; // one node after the other: it costs as much as minutes of its life; ...
const WEIGH_LARGE_MS = 15_000; // ... and in a mesh of thousands it has more to show

export class Checks implements Watcher {
  /** User packets that came out where they should, by `from to`. */
  readonly delivered = new Map<string, number>();
  private readonly awaited = new Map<string, { from: NodeId; to: NodeId; count: number }>();
  private readonly counters = new Map<string, Map<number, number>>();
  private readonly ticks = new Map<SimNode, number>();
  private readonly distrusted = new Set<Host>();
  private readonly garbled = new Set<number>(); // checksums of messages that relays have altered
  private serial = 0;
  private weighed = 0;

  constructor(
    private readonly world: World,
    net: Net,
    private readonly nodes: readonly SimNode[],
    /** Without it only sizes and deliveries are looked at: for thousands of nodes. */
    thorough = true,
  ) {
    if (thorough) net.onWire = (datagram, sender) => this.onWire(datagram, sender);
    this.every(thorough ? WEIGH_MS : WEIGH_LARGE_MS, () => this.weighNext());
    this.every(WATCH_MS, () => this.countTicks());
  }

  private every(ms: number, act: () => void): void {
    this.world.after(ms, () => {
      this.every(ms, act);
      act();
    });
  }

  /** The text of a user packet that is to be recognised, once. */
  packet(from: NodeId, to: NodeId): Uint8Array {
    const serial = Buffer.from(` ${this.serial++}`);
    this.awaited.set(serial.toString(), { from, to, count: 0 });
    return Buffer.concat([MARK, serial]);
  }

  onPacket(at: SimNode, from: NodeId | undefined, packet: Uint8Array): void {
    const serial = Buffer.from(packet.subarray(40 + MARK_BYTES)).toString();
    const sent = this.awaited.get(serial);
    if (sent === undefined) this.world.fail(`${at.name} was handed a packet that nobody sent`);
    if (sent.from !== from) this.world.fail(`${at.name} takes a packet for another member's`);
    if (sent.to !== at.id) this.world.fail(`${at.name} was handed another member's packet`);
    if (++sent.count > 1) this.world.fail(`${at.name} was handed a packet twice`);
    this.onHeard(at, from);
    const pair = `${from} ${at.id}`;
    this.delivered.set(pair, (this.delivered.get(pair) ?? 0) + 1);
  }

  onHeard(at: SimNode, from: NodeId): void {
    if (at.brain.publicKeyOf(from) === undefined)
      this.world.fail(`${at.name} heard one who is no member of its roster`);
  }

  /** What it sends is its own affair from now on. */
  distrust(host: Host): void {
    this.distrusted.add(host);
  }

  /** A malicious relay made this of somebody's message: whoever passes it on has not sealed it. */
  garble(inner: Uint8Array): void {
    this.garbled.add(checksum(inner));
  }

  /** Whether the network may see it, and no counter seals two different texts. */
  private onWire({ bytes }: Datagram, sender: Host): void {
    const sum = checksum(bytes);
    this.world.stamp(sum);
    if (this.distrusted.has(sender)) return;
    if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(MARK))
      this.world.fail(`${sender.name} sends a user's packet in plain text`);
    const wrapped = bytes[0] === CHANNEL;
    const inner = wrapped ? bytes.subarray(CHANNEL_HEADER) : bytes;
    const type = inner[0] ?? 0;
    if (type < 1 || type > 4) this.world.fail(`${sender.name} sends something of type ${type}`);
    if (type !== TRANSPORT) return;
    const innerSum = wrapped ? checksum(inner) : sum;
    if (!this.garbled.has(innerSum)) this.checkCounter(inner, innerSum, sender);
  }

  private checkCounter(datagram: Uint8Array, sum: number, sender: Host): void {
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
    const session = `${sender.name} ${view.getUint32(4, true)}`;
    const counter = view.getUint32(8, true);
    const known = this.counters.get(session) ?? new Map<number, number>();
    if (known.size === 0) addBounded(this.counters, session, known, SESSIONS_MAX);
    const before = known.get(counter);
    if (before !== undefined && before !== sum)
      this.world.fail(`${sender.name} seals two texts with counter ${counter}`);
    if (before === undefined) addBounded(known, counter, sum, COUNTERS_MAX);
  }

  /** What one node holds. */
  private weighNext(): void {
    const node = this.nodes[this.weighed++ % Math.max(1, this.nodes.length)];
    if (node === undefined || !node.running) return;
    const held = weigh([node.mesh, node.tunnel], [node, this.world, node.brain]);
    if (held > HELD_MAX + HELD_PER_MEMBER * this.nodes.length)
      this.world.fail(`${node.name} holds ${held} entries`);
  }

  /** How often each woke up since it was last asked. */
  private countTicks(): void {
    const rate = TICKS_PER_SECOND_MAX + TICKS_PER_MEMBER * this.nodes.length;
    const most = (Math.min(rate, TICKS_SPINNING) * WATCH_MS) / 1_000;
    for (const node of this.nodes) {
      const ticks = node.ticks - (this.ticks.get(node) ?? 0);
      this.ticks.set(node, node.ticks);
      if (ticks > most) this.world.fail(`${node.name} ticked ${ticks} times in ${WATCH_MS} ms`);
    }
  }
}

function addBounded<K, V>(map: Map<K, V>, key: K, value: V, max: number): void {
  map.set(key, value);
  if (map.size <= max) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

/** FNV-1a; that two texts agree in it by chance, one run in billions may see. */
function checksum(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum;
}

/**
 * How many entries all maps, sets and lists within have; bytes are not counted. What lies behind
 * `apart`, and the roster, which may be as large as the mesh, are left out.
 */
export function weigh(roots: readonly unknown[], apart: readonly unknown[] = []): number {
  const seen = new Set<unknown>(apart);
  const waiting: unknown[] = [...roots];
  let entries = 0;
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (ArrayBuffer.isView(value) || value.constructor?.name === 'Roster') continue;
    if (value instanceof Map) {
      entries += value.size;
      waiting.push(...value.keys(), ...value.values());
    } else if (value instanceof Set || Array.isArray(value)) {
      entries += Array.isArray(value) ? value.length : value.size;
      waiting.push(...value);
    } else waiting.push(...Object.values(value));
  }
  return entries;
}
