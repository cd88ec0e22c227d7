// Newcomers of a simulated mesh, from the invite to packets that come through.
import './standin/register.mjs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const { Village } = await import('./village.js');
const { inviteWord, join } = await import('./join.js');

const sim = suite('sim/join');

const CONVERGED_MS = 180_000; // digests ride on keepalives, of which there is one in two minutes

function village() {
  const made = new Village({
    seed: 5,
    nats: [null, null, 'symmetric', 'port-restricted', 'full-cone'],
    six: [null, 'open', 'closed', 'closed', null],
    guests: 2,
  });
  const said: string[] = [];
  const tell = ({ node, outcome }: { node: { name: string }; outcome: string }) =>
    said.push(`${node.name} ${outcome}`);
  made.start();
  made.world.run(10_000);
  return { made, said, tell };
}

sim('one of two with one invite is let in, everywhere the same; the other hears why', () => {
  const { made, said, tell } = village();
  const word = inviteWord(made);
  join(made, made.node(3), word, tell);
  made.world.run(2_000);
  join(made, made.node(4), word, tell);
  made.world.run(20_000);
  assert.equal(said, ['n3 welcome', 'n4 used']);
  assert.equal(
    made.alive().map(({ name }) => name),
    ['n0', 'n1', 'n2', 'n3'],
  );
  assert.equal(made.allHear(made.pairs(), 10_000), []);
  assert.equal(made.strayRosters(), []);
  assert.is(made.pathOf(made.node(2), made.node(3).id), 'direct', 'by IPv6');
});

sim('both sides of a partition let in one device each; when it heals, one stays', () => {
  const { made, said, tell } = village();
  const word = inviteWord(made);
  made.world.run(5_000);
  const sideOf = (i: number) => (i === 1 || i === 4 ? 1 : 0);
  made.net.part(new Map(made.nodes.map((node, i) => [made.siteOf(node), sideOf(i)])));
  join(made, made.node(3), word, tell);
  join(made, made.node(4), word, tell);
  made.world.run(20_000);
  assert.equal([...said].sort(), ['n3 welcome', 'n4 welcome']);
  made.net.heal();
  made.world.run(CONVERGED_MS);
  assert.is(made.alive().length, 4);
  assert.equal(made.strayRosters(), []);
  assert.equal(made.allHear(made.pairs(), 10_000), []);
});

sim('an expired invite lets nobody in', () => {
  const { made, said, tell } = village();
  join(made, made.node(3), inviteWord(made, true), tell);
  made.world.run(20_000);
  assert.equal(said, ['n3 expired']);
  assert.is(made.alive().length, 3);
});

sim.run();
