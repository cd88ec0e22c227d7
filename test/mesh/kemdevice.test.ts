// Post-quantum keys with real WireGuard devices: a user packet waits while the session is bare, and
// goes through as soon as both have the key; after a reboot, too.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NodeId } from '../../agent/identity/member.js';
import type { MeshEffect } from '../../agent/mesh/effects.js';
import { encodeFrame, FrameReader } from '../../agent/mesh/frames.js';
import { KemKeys, SOON_MS } from '../../agent/mesh/kem.js';
import type { PeerId } from '../../agent/wireguard/effects.js';
import { SoftNet, type SoftNode } from '../wireguard/soft.js';
import { FakeGround, FakeRoll, nodeId } from './ground.js';

const devices = suite('mesh: kem and devices');

/** One member of two, as the underlay joins device and mesh. */
class Side {
  readonly ground: FakeGround;
  kem: KemKeys;
  peer: PeerId = 0;
  reader = new FrameReader(() => {}); // chunks that are sent again are dropped
  readonly met: boolean[] = []; // bare or not, of each session

  constructor(
    readonly net: SoftNet,
    readonly node: SoftNode,
    readonly id: NodeId,
    readonly other: NodeId,
    roll: FakeRoll,
  ) {
    this.ground = new FakeGround(id, roll, node.number);
    this.kem = new KemKeys(this.ground);
  }

  meet(other: SoftNode): void {
    this.peer = this.node.meet(other);
    this.node.device.requirePresharedKey(this.peer, true);
  }

  get at() {
    return { now: this.net.now, wall: this.node.wall };
  }

  /** True where something happened. */
  look(): boolean {
    const out: MeshEffect[] = [];
    const { at, kem } = this;
    for (const effect of this.node.effects.splice(0)) {
      if (effect.kind !== 'met') continue;
      this.met.push(effect.bare);
      this.ground.met.add(this.other);
      kem.onMet(this.other, effect, at, out);
    }
    for (const event of this.node.events.splice(0)) {
      if (event.kind !== 'frame') continue;
      const frame = this.reader.read(event.frame, at.now);
      if (frame?.kind.startsWith('kem-')) kem.onFrame(this.other, frame as never, at, out);
    }
    const due = kem.deadline();
    if (due !== undefined && due <= at.now) kem.tick(at, out);
    for (const effect of out) this.perform(effect);
    return out.length > 0;
  }

  private perform(effect: MeshEffect): void {
    const { node, peer, at } = this;
    if (effect.kind === 'frame') {
      for (const frame of encodeFrame(effect.frame)) node.order({ kind: 'frame', peer, frame });
    } else if (effect.kind === 'preshared') {
      node.perform(node.device.setPresharedKeys(peer, effect.keys, at.now, at.wall));
    } else if (effect.kind === 'knock') {
      node.perform(node.device.knock(peer, effect.places, at.now, at.wall));
    }
  }
}

function pair(lowFirst: boolean) {
  const net = new SoftNet();
  const ids = [nodeId(1), nodeId(2)].sort() as [NodeId, NodeId];
  if (!lowFirst) ids.reverse();
  const roll = new FakeRoll(ids);
  const a = new Side(net, net.node(), ids[0], ids[1], roll);
  const b = new Side(net, net.node(), ids[1], ids[0], roll);
  a.meet(b.node);
  b.meet(a.node);
  const run = (ms: number) => {
    for (const end = net.now + ms; ; ) {
      net.settle();
      const busy = [a, b].map((side) => side.look()).includes(true);
      if (busy || net.queue.length > 0) continue;
      if (net.now >= end) return;
      net.pass(Math.min(10, end - net.now));
    }
  };
  return { net, a, b, run };
}

for (const lowFirst of [true, false]) {
  devices(`the ${lowFirst ? 'lower' : 'higher'} one has a packet: through at once`, () => {
    const { a, b, run } = pair(lowFirst);
    a.node.packet(2);
    run(SOON_MS);
    assert.is(b.node.got.length, 1);
    assert.equal(a.met, [true, false]);
    assert.equal(b.met, [true, false]);
    assert.is(b.node.plane.drops()['outside-bare'], undefined);
    run(5_000);
    assert.is(a.met.length, 2, 'and no handshake more');
    b.node.packet(1);
    run(0);
    assert.is(a.node.got.length, 1);
  });
}

for (const lowFirst of [true, false]) {
  devices(`both have a packet, ${lowFirst ? 'the lower first' : 'the higher first'}`, () => {
    const { net, a, b, run } = pair(lowFirst);
    a.node.packet(2);
    b.node.packet(1); // the handshakes cross
    const begun = net.now;
    run(3 * SOON_MS);
    assert.is(b.node.got.length, 1, `${net.now - begun} ms`);
    assert.is(a.node.got.length, 1);
    assert.is(a.met.at(-1), false);
    const met = a.met.length;
    run(5_000);
    assert.is(a.met.length, met, 'and no handshake more');
  });
}

devices('frames lost on the way cost half a second each, and no packet', () => {
  for (let lost = 1; lost <= 6; lost++) {
    const { net, a, b, run } = pair(true);
    let frames = 0;
    // Transport messages; the first of all confirms the session.
    net.passes = ({ datagram }) => datagram[0] !== 4 || ++frames !== lost;
    a.node.packet(2);
    run(3_000);
    assert.is(b.node.got.length, 1, `frame ${lost}`);
  }
});

devices('a reboot of either side: bare, a new key, and on', () => {
  for (const lowFirst of [true, false]) {
    const { a, b, run } = pair(lowFirst);
    a.node.packet(2);
    run(1_000);
    // b forgets what it had in memory, and tries with no key at all.
    b.kem = new KemKeys(new FakeGround(b.id, b.ground.roll, 77));
    b.ground.met.clear();
    b.node.perform(b.node.device.removePeer(b.peer));
    b.meet(a.node);
    b.node.packet(1);
    run(12_000);
    assert.is(a.node.got.length, 1, 'its packet waited for the key');
    assert.is(a.met.at(-1), false);
    assert.is(b.met.at(-1), false);
    a.node.packet(2);
    run(0);
    assert.is(b.node.got.length, 2);
  }
});

devices.run();
