import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MeshEffect } from '../../agent/mesh/effects.js';
import {
  DOORS_PER_VISIT,
  SOUGHT_MAX,
  VISIT_AFTER_MS,
  VISIT_GAP_MS,
  VISITS_AGAIN_MS,
  VISITS_MAX,
  Visitor,
} from '../../agent/mesh/visitor.js';
import { nodeId, place, times } from './ground.js';

const visitor = suite('mesh/visitor');
const HERE = place('192.0.2.1');

function before() {
  const met = new Set<string>();
  const machine = new Visitor((node) => met.has(node));
  const visits: { node: string; at: number; endpoints: number }[] = [];
  /** Ticks at each deadline until `end`; knocks at `node` every second, as somebody does. */
  const run = (from: number, end: number, node?: string) => {
    for (let now = from; now < end; now += 100) {
      if (node !== undefined && (now - from) % 1_000 === 0)
        machine.onKnock(node, [HERE], times(now));
      const due = machine.deadline();
      if (due === undefined || due > now) continue;
      const out: MeshEffect[] = [];
      machine.tick(times(now), out);
      for (const effect of out)
        if (effect.kind === 'visit')
          visits.push({ node: effect.node, at: now, endpoints: effect.endpoints.length });
    }
  };
  return { machine, met, visits, run };
}

visitor('a handshake that is not answered: a visit, few more, and again much later', () => {
  const { visits, run } = before();
  run(0, VISITS_AGAIN_MS, nodeId(1));
  assert.is(visits.length, VISITS_MAX);
  const [first, second, third] = visits.map(({ at }) => at);
  assert.is(first, VISIT_AFTER_MS);
  assert.is(second! - first!, VISIT_GAP_MS);
  assert.is(third! - second!, 2 * VISIT_GAP_MS);
  run(2 * VISITS_AGAIN_MS, 2 * VISITS_AGAIN_MS + 1_000, nodeId(1));
  assert.is(visits.length, VISITS_MAX + 1);
});

visitor('one that is met needs none', () => {
  const { machine, met, visits, run } = before();
  machine.onKnock(nodeId(1), [HERE], times(0));
  met.add(nodeId(1));
  machine.onMet(nodeId(1));
  run(0, 10_000);
  machine.onKnock(nodeId(1), [HERE], times(10_000));
  run(10_000, 20_000);
  assert.is(visits.length, 0);
});

visitor('through a channel nobody gets to a door; of many places the first are tried', () => {
  const { machine, visits, run } = before();
  machine.onKnock(nodeId(1), [{ ...HERE, channel: 9 }], times(0));
  run(0, 2_000);
  assert.is(visits.length, 0);
  const many = Array.from({ length: 16 }, (_, i) => place(`192.0.2.${i + 1}`));
  machine.onKnock(nodeId(1), many, times(2_000));
  run(2_000, 4_000);
  assert.is(visits[0]?.endpoints, DOORS_PER_VISIT);
});

visitor('many that are silent at once: few visits, bounded memory', () => {
  const { machine, visits, run } = before();
  for (let i = 0; i < 2 * SOUGHT_MAX; i++) machine.onKnock(nodeId(i), [HERE], times(0));
  run(0, 10_000);
  assert.ok(visits.length >= 8 && visits.length <= 16, `${visits.length}`);
  assert.ok(visits.every(({ node }) => node !== nodeId(0)));
});

visitor.run();
