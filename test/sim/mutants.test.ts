// Worlds with something wrong in them: whoever looks after the simulation finds it, each time in
// the same way. What is wrong is planted in one object; the code is everybody's.
import './standin/register.mjs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const { Village } = await import('./village.js');
const { mustAgree, mustBeDirect, mustHear } = await import('./scenarios.js');
const { mustAdmitOnce } = await import('./storm.js');
const { Stranger } = await import('./stranger.js');
const { Villain } = await import('./malice.js');

const mutants = suite('sim/mutants');

type Made = InstanceType<typeof Village>;

function village(
  seed = 1,
  nats: ConstructorParameters<typeof Village>[0]['nats'] = [null, null, null],
) {
  const made = new Village({ seed, nats });
  made.start();
  made.world.run(20_000);
  assert.equal(made.allHear(made.pairs(), 10_000), []);
  return made;
}

/** What was found wrong, as it is told; nothing where all was taken for good. */
function found(act: () => void): string {
  try {
    act();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing';
}

/** Some object inside of a node, to plant something in. */
const inside = <T>(whole: unknown) => whole as T;

function talk(made: Made, ms = 20_000): void {
  for (let end = made.world.now + ms; made.world.now < end; ) {
    for (const [a, b] of made.pairs(made.nodes)) {
      made.say(a, b);
      made.say(b, a);
    }
    made.world.run(1_000);
  }
}

mutants('a node that keeps its sessions with a revoked one is found, by what it hears', () => {
  const made = village();
  const [deaf, out] = [made.node(1), made.node(2)];
  const { hands } = deaf;
  const act = hands.act.bind(hands);
  hands.act = (effect) => {
    if (effect.kind !== 'peer-gone') act(effect);
  };
  made.revoke(out);
  assert.match(
    found(() => talk(made)),
    /n1 heard one who is no member of its roster/,
  );
});

mutants('a node that forgets its counters is found, by what it seals', () => {
  const made = village();
  type Session = { sent: number };
  const { sessions } = inside<{ sessions: Map<number, Session> }>(made.node(1).tunnel.plane);
  made.world.after(5_000, () => {
    for (const live of sessions.values()) live.sent = 0;
  });
  assert.match(
    found(() => talk(made)),
    /n1 seals two texts with counter/,
  );
});

mutants('a node whose tunnel lets packets out as they are is found on the wire', () => {
  const made = village();
  const { net } = made;
  const { tunnel, host } = made.node(1);
  const whole = tunnel.inside.bind(tunnel);
  tunnel.inside = (packet) => {
    net.send(host, 51_820, packet, { address: made.node(0).host.address, port: 51_820 });
    whole(packet);
  };
  assert.match(
    found(() => talk(made)),
    /n1 sends a user's packet in plain text/,
  );
});

mutants('a node that takes anybody’s packets for anybody’s is found by one who spoofs', () => {
  const made = village();
  const liar = new Villain(made, made.node(2), new Set(['spoof']));
  liar.begin();
  assert.is(
    found(() => made.world.run(20_000)),
    'nothing',
    'allowed IPs keep him out',
  );
  const plane = inside<{ options: { route: (address: Uint8Array) => number } }>(
    made.node(1).tunnel.plane,
  );
  const peer = made.node(1).hands.peers.get(made.node(2).id) ?? -1;
  plane.options.route = () => peer;
  assert.match(
    found(() => made.world.run(20_000)),
    /takes a packet for another member's/,
  );
});

mutants('a door that welcomes a stranger is found by one', () => {
  const made = village();
  const stranger = new Stranger(made);
  stranger.begin();
  assert.is(
    found(() => made.world.run(60_000)),
    'nothing',
  );
  type Porch = { ports: { judge: () => unknown } };
  for (const { mesh } of made.nodes)
    inside<{ machines: { porch: Porch } }>(mesh).machines.porch.ports.judge = () => ({
      welcome: [],
    });
  assert.match(
    found(() => made.world.run(60_000)),
    /welcomes a stranger/,
  );
});

mutants('nodes that hear nobody, stay on a relay, or have another roster are found', () => {
  const made = village(4, [null, 'symmetric', 'symmetric']);
  assert.is(
    found(() => mustHear(made)),
    'nothing',
  );
  assert.is(
    found(() => mustBeDirect(made)),
    'nothing',
  );
  made.canMeet = () => true;
  assert.match(
    found(() => mustBeDirect(made)),
    /could meet directly and do not: n1-n2 relay/,
  );
  assert.is(
    found(() => mustAgree(made)),
    'nothing',
  );
  const { roster } = made.node(1).brain;
  roster.add = () => ({ changes: [], added: [], refused: [], discarded: [] });
  made.revoke(made.node(2));
  made.world.run(5_000);
  assert.match(
    found(() => mustAgree(made)),
    /have another roster: n1/,
  );
  made.siteOf(made.node(1)).cut = true;
  assert.match(
    found(() => mustHear(made)),
    /do not hear each other: n0-n1/,
  );
});

mutants('two that came in with one invite are found, and one that was lost', () => {
  const made = village();
  made.guests.add(made.node(1));
  made.welcomed.set(made.node(1), made.admin);
  assert.is(
    found(() => mustAdmitOnce(made)),
    'nothing',
  );
  made.guests.add(made.node(2));
  assert.match(
    found(() => mustAdmitOnce(made)),
    /one invite let in n1 and n2/,
  );
  const other = village();
  const lost = new Village({ seed: 2, nats: [null, null], guests: 1 }).node(1);
  other.guests.add(lost);
  other.welcomed.set(lost, other.admin);
  assert.match(
    found(() => mustAdmitOnce(other)),
    /no member in the end/,
  );
});

mutants('a failure comes again at the same moment, after the same events', () => {
  const run = () => {
    const made = village(6, [null, 'symmetric', 'full-cone']);
    const stranger = new Stranger(made);
    stranger.begin();
    const { tunnel } = made.node(1);
    let left = 40;
    const whole = tunnel.receive.bind(tunnel);
    tunnel.receive = (datagram, from) => {
      if (--left === 0) made.world.fail('the fortieth datagram');
      whole(datagram, from);
    };
    const message = found(() => talk(made));
    return [message, made.world.now, made.world.events, made.world.log];
  };
  const first = run();
  assert.match(String(first[0]), /^seed 6, .* the fortieth datagram/);
  assert.equal(run(), first);
});

mutants.run();
