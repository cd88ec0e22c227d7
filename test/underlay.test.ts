// The underlay between a mesh that is told what to wish and a tunnel that was never started.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlaneOrder } from '../agent/dataplane/orders.js';
import type { MeshEffect } from '../agent/mesh/effects.js';
import type { Mesh } from '../agent/mesh/mesh.js';
import { OFFLOADS_ALL, Tunnel } from '../agent/tunnel.js';
import { Underlay } from '../agent/underlay.js';

const NODE = 'anna';
const place = {
  slot: 0,
  endpoint: { address: '192.0.2.1', port: 5 },
  source: null,
  channel: 0,
};

function make() {
  const tunnel = new Tunnel({
    interfaceName: 'none',
    mtu: 1420,
    cipher: 'noble',
    workers: 1,
    offloads: OFFLOADS_ALL,
    saveCeiling: () => {},
    log: () => {},
    onGone: () => {},
  });
  const ordered: PlaneOrder[] = [];
  tunnel.plane.order = (order) => void ordered.push(order);
  const heard: string[] = [];
  const wishes = { met: [] as MeshEffect[] };
  const mesh = {
    start: (): MeshEffect[] => [{ kind: 'peer', node: NODE }],
    deadline: () => undefined,
    onMet(node: string) {
      heard.push(`met ${node}`);
      return wishes.met;
    },
    onLost(node: string) {
      heard.push(`lost ${node}`);
      return [];
    },
    onSeen(node: string) {
      heard.push(`seen ${node}`);
      return [];
    },
  } as unknown as Mesh;
  const underlay = new Underlay(tunnel, mesh, {
    keep: () => {},
    discard: () => {},
    remember: () => {},
    publish: () => {},
    mtu: () => {},
    visit: () => {},
    metered: () => {},
    note: () => {},
    publicKeyOf: () => new Uint8Array(32).fill(9),
    isOverlay: () => false,
  });
  underlay.start();
  const met = { kind: 'met', peer: 0, session: 1, initiator: true, from: place } as const;
  const hash = new Uint8Array(32);
  return { tunnel, underlay, ordered, heard, wishes, met: { ...met, hash, bare: false } };
}

const underlays = suite('underlay');

underlays('what comes after a revocation in the same breath is not heard', () => {
  const { tunnel, underlay, heard, wishes, met } = make();
  assert.is(underlay.peerOf(NODE), 0);
  wishes.met = [{ kind: 'peer-gone', node: NODE }];
  tunnel.perform([met, { kind: 'lost', peer: 0 }, met]);
  assert.equal(heard, [`met ${NODE}`]);
  assert.is(underlay.peerOf(NODE), undefined);
  assert.is(underlay.isMember(0), false);
  underlay.onEvent({ kind: 'seen', peer: 0, place });
  assert.equal(heard, [`met ${NODE}`]);
  underlay.stop();
});

underlays('a row that is taken again at once is the new one', () => {
  const { tunnel, underlay, wishes, met } = make();
  wishes.met = [
    { kind: 'peer-gone', node: NODE },
    { kind: 'peer', node: 'ben' },
  ];
  tunnel.perform([met]);
  assert.is(underlay.peerOf(NODE), undefined);
  assert.is(underlay.peerOf('ben'), 0);
  assert.is(underlay.isMember(0), true);
  underlay.stop();
});

underlays('what is brought about meanwhile comes after, in order', () => {
  const { underlay, heard } = make();
  underlay.tell(() => {
    underlay.onEvent({ kind: 'seen', peer: 0, place });
    heard.push('first');
    return [];
  });
  assert.equal(heard, ['first', `seen ${NODE}`]);
  underlay.stop();
});

underlays.run();
