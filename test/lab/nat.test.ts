// deadline: 120
// The NATs of the lab behave as they are called: each is asked from inside and from outside, in the
// manner of RFC 5780 (does it map every destination to one port? whom does it let in?).
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HOME_KINDS, type HomeKind, type Internet } from '../../agent/control/lab/internet.js';
import type { Lab } from './namespaces.js';
import { makeInternet, Talker } from './nat.js';

const nat = suite('lab/nat');

type Behaviour = Readonly<{
  out: boolean; // UDP gets out
  onePort: boolean; // the same outside port for every destination
  unasked: boolean; // lets in whoever was never sent to, before anything was sent
  stranger: boolean; // lets in another address, once something was sent to somebody
  otherPort: boolean; // lets in another port of an address that was sent to
}>;

const yes = { out: true, onePort: true, unasked: true, stranger: true, otherPort: true };
const WANT: Record<HomeKind, Behaviour> = {
  public: yes,
  forwarded: yes,
  'full-cone': { ...yes, unasked: false },
  'address-restricted': { ...yes, unasked: false, stranger: false },
  'port-restricted': { ...yes, unasked: false, stranger: false, otherPort: false },
  symmetric: { out: true, onePort: false, unasked: false, stranger: false, otherPort: false },
  'udp-blocked': { out: false, onePort: true, unasked: false, stranger: false, otherPort: false },
};

const PORT = 4_000;
const MAPPED = { inside: 5_000, outside: 61_000 };
const [FIRST, SECOND] = [3_478, 3_479];

nat('each kind maps and filters as it is called', async () => {
  const { lab, internet } = await makeInternet('nat');
  try {
    const one = await internet.addHome('one', 'public');
    const two = await internet.addHome('two', 'public');
    const servers = {
      one: await Talker.start(lab, 'one', FIRST, SECOND),
      two: await Talker.start(lab, 'two', FIRST, SECOND),
    };
    for (const [i, kind] of HOME_KINDS.entries()) {
      const home = await internet.addHome(`home${i}`, kind, { mapped: MAPPED });
      const inside = await Talker.start(lab, home.label, PORT, MAPPED.inside);
      const asker = { inside, ...servers, addresses: [one.address, two.address] as const };
      assert.equal(await behaviour(asker, home.address, WANT[kind]), WANT[kind], kind);
      await mappedPort(asker, kind);
    }
  } finally {
    await lab.dispose();
  }
});

type Asker = Readonly<{
  inside: Talker;
  one: Talker;
  two: Talker;
  addresses: readonly [string, string];
}>;

/** What should come is waited for; what should not has a moment, and is looked for at the end. */
async function behaviour(asker: Asker, home: string, want: Behaviour): Promise<Behaviour> {
  const { inside, one, two, addresses } = asker;
  const heard = async (text: string, wanted: boolean) => {
    if (wanted) await inside.hears(PORT, text).catch(() => {});
    else await settle();
  };
  one.send(FIRST, home, PORT, `unasked-${home}`);
  await heard(`unasked-${home}`, want.unasked);
  inside.send(PORT, addresses[0], FIRST, `hello-${home}`);
  const patience = want.out ? 3_000 : 300;
  const first = await one.hears(FIRST, `hello-${home}`, patience).catch(() => undefined);
  const port = Number(first?.from.split(':')[1] ?? PORT);
  if (first !== undefined) assert.is(first.from.split(':')[0], home);
  two.send(FIRST, home, port, `stranger-${home}`);
  await heard(`stranger-${home}`, want.stranger);
  one.send(SECOND, home, port, `other-${home}`);
  await heard(`other-${home}`, want.otherPort);
  one.send(FIRST, home, port, `answer-${home}`);
  if (first !== undefined) await inside.hears(PORT, `answer-${home}`);
  inside.send(PORT, addresses[1], SECOND, `again-${home}`);
  const again = await two.hears(SECOND, `again-${home}`, patience).catch(() => undefined);
  const texts = inside.heard(PORT).map(({ text }) => text);
  return {
    out: first !== undefined,
    onePort: first?.from === again?.from,
    unasked: texts.includes(`unasked-${home}`),
    stranger: texts.includes(`stranger-${home}`),
    otherPort: texts.includes(`other-${home}`),
  };
}

/** The one port that is seen outside as another, both ways. */
async function mappedPort({ inside, one, addresses }: Asker, kind: HomeKind): Promise<void> {
  if (kind === 'udp-blocked' || kind === 'symmetric') return;
  inside.send(MAPPED.inside, addresses[0], FIRST, `mapped-${kind}`);
  const { from } = await one.hears(FIRST, `mapped-${kind}`);
  const [address = '', port] = from.split(':');
  assert.is(Number(port), kind === 'public' ? MAPPED.inside : MAPPED.outside, kind);
  one.send(FIRST, address, Number(port), `back-${kind}`);
  await inside.hears(MAPPED.inside, `back-${kind}`);
}

/** Longer than a datagram takes through three namespaces on a busy machine. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 150));

async function pairOf(lab: Lab, internet: Internet, kind: HomeKind) {
  await internet.addHome('server', 'public');
  await internet.addHome('home', kind);
  const server = await Talker.start(lab, 'server', FIRST, SECOND);
  const home = await Talker.start(lab, 'home', PORT);
  const to = () => internet.home('server').address;
  const calls = async (text: string, ms?: number) => {
    home.send(PORT, to(), FIRST, text);
    return (await server.hears(FIRST, text, ms)).from;
  };
  return { server, home, calls };
}

nat('two port-restricted homes meet when both send, though one was early', async () => {
  const { lab, internet } = await makeInternet('punch');
  try {
    const a = await internet.addHome('a', 'port-restricted');
    const b = await internet.addHome('b', 'port-restricted');
    const [anna, bert] = [await Talker.start(lab, 'a', PORT), await Talker.start(lab, 'b', PORT)];
    anna.send(PORT, b.address, PORT, 'early');
    await settle();
    bert.send(PORT, a.address, PORT, 'late');
    assert.is((await anna.hears(PORT, 'late')).from, `${b.address}:${PORT}`);
    anna.send(PORT, b.address, PORT, 'answer');
    assert.is((await bert.hears(PORT, 'answer')).from, `${a.address}:${PORT}`);
    assert.not(bert.heard(PORT).some(({ text }) => text === 'early'));
  } finally {
    await lab.dispose();
  }
});

nat('a home that moves is seen at its new address, the old one is dead', async () => {
  for (const kind of ['port-restricted', 'full-cone', 'public'] as const) {
    const { lab, internet } = await makeInternet('move');
    try {
      const { server, home, calls } = await pairOf(lab, internet, kind);
      const before = await calls('before');
      server.send(FIRST, internet.home('home').address, PORT, 'flow');
      await home.hears(PORT, 'flow');
      const address = await internet.move('home');
      server.send(FIRST, before.split(':')[0] ?? '', PORT, 'lost');
      assert.is(await calls('after'), `${address}:${PORT}`);
      server.send(FIRST, address, PORT, 'found');
      await home.hears(PORT, 'found');
      assert.not(
        home.heard(PORT).some(({ text }) => text === 'lost'),
        kind,
      );
    } finally {
      await lab.dispose();
    }
  }
});

nat('an uplink is cut and healed; another NAT forgets what the old one knew', async () => {
  const { lab, internet } = await makeInternet('cut');
  try {
    const { server, home, calls } = await pairOf(lab, internet, 'full-cone');
    await calls('first');
    await internet.cut('home');
    home.send(PORT, internet.home('server').address, FIRST, 'silence');
    await settle();
    await internet.heal('home');
    await calls('second');
    assert.not(server.heard(FIRST).some(({ text }) => text === 'silence'));
    const { address } = internet.home('home');
    server.send(SECOND, address, PORT, 'cone');
    await home.hears(PORT, 'cone');
    await internet.setNat('home', 'symmetric');
    server.send(SECOND, address, PORT, 'forgotten');
    assert.is.not(await calls('third'), `${address}:${PORT}`);
    assert.not(home.heard(PORT).some(({ text }) => text === 'forgotten'));
  } finally {
    await lab.dispose();
  }
});

nat.run();
