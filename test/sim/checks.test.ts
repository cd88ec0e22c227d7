// Every check is able to fail: each is shown what it is there for.
import './standin/register.mjs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SimNode } from './node.js';

const { Village } = await import('./village.js');
const { weigh } = await import('./checks.js');

const checks = suite('sim/checks');

function village() {
  const made = new Village({ seed: 1, nats: [null, null, null] });
  made.start();
  made.world.run(20_000);
  assert.equal(made.allHear(made.pairs(), 10_000), []);
  return made;
}

type Made = ReturnType<typeof village>;

const ADDRESS = { address: '192.0.2.1', port: 9 };

/** Lets something happen that must not, and expects to be told of it in these words. */
function caught(made: Made, words: RegExp, act: () => void): void {
  made.world.after(1, act);
  try {
    made.world.run(20_000);
  } catch (error) {
    assert.match((error as Error).message, words);
    return;
  }
  assert.unreachable(`nobody noticed: ${words}`);
}

/** A transport message with this counter and something behind it. */
function transport(counter: number, last: number): Uint8Array {
  const datagram = new Uint8Array(48);
  datagram.set([4, 0, 0, 0, 9, 9, 9, 9, counter]);
  datagram[47] = last;
  return datagram;
}

/** What came out of the tunnel at `at`, in an IPv6 header. */
function packet(text: Uint8Array): Uint8Array {
  const whole = new Uint8Array(40 + text.length);
  whole.set(text, 40);
  return whole;
}

checks('plain text on the wire, and what is no message', () => {
  const made = village();
  const { host } = made.node(1);
  const text = made.checks.packet(made.node(1).id, made.node(2).id);
  caught(made, /plain text/, () => made.net.send(host, 1, text, ADDRESS));
  caught(made, /type 99/, () => made.net.send(host, 1, Uint8Array.of(99), ADDRESS));
});

checks('one counter for two texts; a copy is no second text', () => {
  const made = village();
  const { host } = made.node(1);
  made.net.send(host, 1, transport(3, 1), ADDRESS);
  made.net.send(host, 1, transport(3, 1), ADDRESS);
  made.net.send(host, 1, transport(4, 2), ADDRESS);
  caught(made, /two texts with counter 3/, () => made.net.send(host, 1, transport(3, 2), ADDRESS));
});

checks('packets nobody sent, of another, for another, and twice', () => {
  const made = village();
  const [a, b, c] = [made.node(0), made.node(1), made.node(2)];
  const hand = (at: SimNode, from: SimNode, text: Uint8Array) =>
    made.checks.onPacket(at, from.id, packet(text));
  const text = () => made.checks.packet(a.id, b.id);
  caught(made, /nobody sent/, () => hand(b, a, new Uint8Array(60)));
  caught(made, /for another member's/, () => hand(b, c, text()));
  caught(made, /another member's packet/, () => hand(c, a, text()));
  const twice = text();
  hand(b, a, twice);
  caught(made, /twice/, () => hand(b, a, twice));
});

checks('one who is no member is heard', () => {
  const made = village();
  caught(made, /no member of its roster/, () => made.checks.onHeard(made.node(1), 'x'.repeat(43)));
});

checks('a node holds too much, or spins', () => {
  const made = village();
  const heap = new Map(Array.from({ length: 60_000 }, (_, i) => [i, i]));
  const node = made.node(1) as unknown as { mesh: { heap?: unknown } };
  node.mesh.heap = heap;
  caught(made, /holds \d+ entries/, () => {});
  node.mesh.heap = undefined;
  caught(made, /ticked \d+ times/, () => {
    made.node(2).ticks += 100_000;
  });
});

checks('rosters that differ, and pairs that do not hear each other', () => {
  const made = village();
  assert.equal(made.strayRosters(), []);
  made.siteOf(made.node(2)).cut = true;
  made.revoke(made.node(1));
  made.world.run(5_000);
  assert.equal(made.strayRosters(), ['n2']);
  assert.equal(made.allHear([[made.node(0), made.node(2)]], 3_000), ['n0-n2']);
});

checks('entries are counted wherever they lie', () => {
  assert.is(weigh([{ a: [1, 2], b: new Map([[1, new Set([4, 5])]]) }]), 5);
  const round: unknown[] = [];
  round.push(round);
  assert.is(weigh([round]), 1);
  assert.is(weigh([{ bytes: new Uint8Array(100) }]), 0);
});

checks.run();
