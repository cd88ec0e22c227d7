import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NodeId } from '../../agent/identity/member.js';
import type { MeshEffect } from '../../agent/mesh/effects.js';
import { encodeFrame } from '../../agent/mesh/frames.js';
import type { PathView } from '../../agent/mesh/machines.js';
import { ANSWER_GAP_MS, ASK_GAP_MS, ASKED_MAX, SIGHT_MS, Sights } from '../../agent/mesh/sights.js';
import { nodeId, times } from './ground.js';

const [a, b, c] = [nodeId(1), nodeId(2), nodeId(3)];
const direct = (rttMs: number | null): PathView => ({
  class: 'direct',
  via: null,
  place: null,
  rttMs,
  mtu: null,
  reason: null,
});
const relayed = (via: NodeId): PathView => ({ ...direct(30), class: 'relay', via });
const none: PathView = { ...direct(null), class: 'none' };

function open(paths: ReadonlyMap<NodeId, PathView>) {
  const sights = new Sights({ met: () => paths.keys(), path: (node) => paths.get(node) ?? none });
  const acts = (act: (out: MeshEffect[]) => void) => {
    const out: MeshEffect[] = [];
    act(out);
    return out.flatMap((effect) => (effect.kind === 'frame' ? [effect] : []));
  };
  const look = (now: number) => acts((out) => sights.look(times(now), out)).map(({ node }) => node);
  const asks = (node: NodeId, now: number) =>
    acts((out) => sights.onFrame(node, { kind: 'ask-paths' }, times(now), out));
  const says = (node: NodeId, to: NodeId, now: number) => {
    const paths = [{ node: to, via: null, rtt: 125 }];
    assert.equal(
      acts((out) => sights.onFrame(node, { kind: 'paths', paths }, times(now), out)),
      [],
    );
  };
  return { sights, look, asks, says };
}

const sights = suite('mesh/sights');

sights('whoever asks is told the paths to others, and no more often than a person looks', () => {
  const { asks } = open(
    new Map([
      [a, direct(3)],
      [b, direct(12.34)],
      [c, relayed(b)],
      [nodeId(4), none],
    ]),
  );
  const [told, ...more] = asks(a, 0);
  assert.equal(more, []);
  assert.equal(told, {
    kind: 'frame',
    node: a,
    frame: {
      kind: 'paths',
      paths: [
        { node: b, via: null, rtt: 123 },
        { node: c, via: b, rtt: 300 },
      ],
    },
  });
  assert.equal(asks(a, ANSWER_GAP_MS - 1), []);
  assert.is(asks(b, ANSWER_GAP_MS - 1).length, 1, 'another may ask');
  assert.is(asks(a, ANSWER_GAP_MS).length, 1);
});

sights('what is not measured is not zero milliseconds, and nothing overflows a frame', () => {
  for (const [rttMs, rtt] of [
    [null, 0],
    [0.01, 1],
    [1e12, 0xffff_ffff],
  ] as const) {
    const { asks } = open(new Map([[b, direct(rttMs)]]));
    const frame = asks(a, 0)[0]!.frame;
    assert.equal(frame, { kind: 'paths', paths: [{ node: b, via: null, rtt }] });
    encodeFrame(frame);
  }
  const many = new Map(Array.from({ length: 500 }, (_, i) => [nodeId(i), relayed(b)]));
  const frame = open(many).asks(nodeId(600), 0)[0]!.frame;
  assert.ok(encodeFrame(frame).length <= 5);
});

sights('a look asks those met, once in a while, and knows who has not answered', () => {
  const {
    sights: one,
    look,
    says,
  } = open(
    new Map([
      [a, direct(1)],
      [b, direct(1)],
    ]),
  );
  assert.equal(look(0), [a, b]);
  assert.equal(look(ASK_GAP_MS - 1), []);
  assert.is(one.awaited(5), 2);
  says(a, c, 10);
  assert.is(one.awaited(10), 1);
  assert.equal(one.view(10), [{ from: a, to: c, via: null, rttMs: 12.5 }]);
  assert.equal(look(ASK_GAP_MS), [a, b]);
  assert.is(one.awaited(ASK_GAP_MS), 2, 'of the newest look');
  assert.is(one.view(SIGHT_MS + 9).length, 1);
  assert.equal(one.view(SIGHT_MS + 10), [], 'forgotten');
});

sights('what nobody asked for is not kept, nor what a revoked member said', () => {
  const { sights: one, look, says } = open(new Map([[a, direct(1)]]));
  says(a, b, 0);
  assert.equal(one.view(0), []);
  look(0);
  says(c, b, 1);
  assert.equal(one.view(1), [], 'not asked');
  says(a, b, 1);
  assert.is(one.view(1).length, 1);
  one.forget(a);
  assert.equal(one.view(1), []);
});

sights('a mesh of thousands is asked in part, and costs nothing while nobody looks', () => {
  const met = new Map(Array.from({ length: 2_000 }, (_, i) => [nodeId(i), direct(1)]));
  const { sights: one, look, says, asks } = open(met);
  const asked = look(0);
  assert.is(asked.length, ASKED_MAX);
  for (const node of met.keys()) says(node, a, 1);
  assert.is(one.view(1).length, ASKED_MAX);
  for (const [i, node] of [...met.keys()].entries()) asks(node, i);
  const held = one as unknown as Record<'answered' | 'asked' | 'said', Map<unknown, unknown>>;
  assert.ok(held.answered.size <= ANSWER_GAP_MS + 1);
  one.view(SIGHT_MS * 2);
  assert.equal([held.asked.size, held.said.size], [0, 0]);
});

sights.run();
