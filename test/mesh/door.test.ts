// The door, with real handshakes and real signatures: a newcomer with an invite, members whose
// devices let it onto the porch, a network that loses.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Place } from '../../agent/bytes/address.js';
import { ed25519 } from '../../agent/crypto/ed25519.js';
import { enrol } from '../../agent/identity/door.js';
import { doorKeyOf } from '../../agent/identity/doorkey.js';
import type { Invite } from '../../agent/identity/invite.js';
import { Roster } from '../../agent/identity/roster.js';
import { Identity } from '../../agent/identity/seed.js';
import { signShow } from '../../agent/identity/show.js';
import {
  DoorClient,
  type DoorOutcome,
  GIVE_UP_MS,
  PATIENCE_MS,
} from '../../agent/mesh/doorclient.js';
import { doorkeeper } from '../../agent/mesh/doorkeeper.js';
import type { MeshEffect } from '../../agent/mesh/effects.js';
import { encodeFrame, FrameReader } from '../../agent/mesh/frames.js';
import { Porch } from '../../agent/mesh/porch.js';
import { HOUR, type Somebody, TestMesh } from '../identity/meshes.js';
import { Random } from '../lab/random.js';
import { placeAt, SoftNet, type SoftNode } from '../wireguard/soft.js';

const door = suite('mesh: door');
const NEWCOMER = placeAt(99);

/** A member at 192.0.2.n: its device with the door open, and a porch. */
class Host {
  readonly node: SoftNode;
  readonly porch: Porch;
  readonly added: Uint8Array[] = [];
  shows = 0;
  /** Instead of judging. */
  refuses: string | undefined;
  silent = false;
  private readonly porches = new Set<number>();

  constructor(
    readonly world: World,
    readonly who: Somebody,
    readonly roster: Roster,
  ) {
    const { privateKey } = new Identity(who.seed);
    this.node = world.net.node({ privateKey: Uint8Array.from(privateKey.bytes) });
    const { publicKey } = doorKeyOf(world.mesh.meshKey);
    this.node.perform(this.node.device.setDoor(publicKey));
    const judge = doorkeeper({
      roster,
      signer: who.signer,
      crypto: ed25519,
      meshTime: () => world.mesh.now,
      added: ({ added }) => this.added.push(...added.map((id) => roster.get(id)!)),
    });
    this.porch = new Porch({
      reader: () => new FrameReader((reason) => assert.unreachable(reason)),
      judge: (...shown) => {
        this.shows++;
        return this.refuses === undefined ? judge(...shown) : { unwelcome: this.refuses };
      },
      reachable: () => [new Uint8Array(100).fill(1)],
    });
  }

  get at() {
    return { now: this.world.net.now, wall: this.node.wall };
  }

  /** What the underlay does: hears of porches and of frames on them. */
  look(): void {
    for (const effect of this.node.effects.splice(0)) {
      if (effect.kind !== 'porch') continue;
      this.porches.add(effect.peer);
      const { peer, hash, from } = effect;
      this.perform((out) => this.porch.onPorch(peer, hash, from, this.at, out));
    }
    for (const event of this.node.events.splice(0)) {
      if (event.kind !== 'frame' || !this.porches.has(event.peer)) continue;
      this.perform((out) => this.porch.onFrame(event.peer, event.frame, this.at, out));
    }
    this.perform((out) => this.porch.tick(this.at, out));
  }

  private perform(act: (out: MeshEffect[]) => void): void {
    const out: MeshEffect[] = [];
    act(out);
    for (const effect of out) {
      if (effect.kind === 'porch-frame' && !this.silent) {
        for (const frame of encodeFrame(effect.frame)) {
          this.node.order({ kind: 'frame', peer: effect.porch, frame });
        }
      } else if (effect.kind === 'porch-close') {
        this.porches.delete(effect.porch);
        this.node.perform(this.node.device.closePorch(effect.porch));
      }
    }
  }
}

class World {
  readonly net = new SoftNet();
  readonly mesh: TestMesh;
  readonly hosts: Host[] = [];
  readonly inbox: { datagram: Uint8Array; from: Place }[] = [];

  constructor(seed = 3) {
    const dice = new Random(seed);
    this.mesh = new TestMesh(ed25519, (count) => dice.bytes(count));
    this.net.passes = (sent) => {
      if (sent.to.endpoint.address !== NEWCOMER.endpoint.address) return true;
      this.inbox.push(sent);
      return false;
    };
  }

  host(who = this.mesh.founder, roster = this.mesh.roster): Host {
    const host = new Host(this, who, roster);
    this.hosts.push(host);
    return host;
  }

  client(
    invite: Invite,
    joiner: Somebody,
    loss: (n: number) => boolean = () => false,
    statements: readonly Uint8Array[] = enrol(invite, joiner.signer),
  ): DoorClient {
    let sent = 0;
    return new DoorClient({
      meshKey: invite.meshKey,
      doors: this.hosts.map(({ who, node }) => ({
        nodeKey: who.signer.key,
        endpoint: node.place.endpoint,
      })),
      node: joiner.node,
      statements,
      sign: (hash) => signShow(joiner.signer, hash),
      random: this.net.random.bytes,
      slotFor: () => 0,
      send: (datagram, to) => {
        if (!loss(sent++)) this.net.queue.push({ from: NEWCOMER, to, datagram });
      },
    });
  }

  run(client: DoorClient, loss: (n: number) => boolean = () => false): DoorOutcome {
    let received = 0;
    const times = () => ({ now: this.net.now, wall: 1_800_000_000_000 + this.net.now });
    client.start(times());
    for (let steps = 0; client.outcome === undefined && steps < 2_000; steps++) {
      this.net.settle();
      for (const host of this.hosts) host.look();
      this.net.settle();
      const arrived = this.inbox.splice(0);
      for (const { datagram, from } of arrived) {
        if (!loss(received++)) client.outside(datagram, from, times());
      }
      if (arrived.length > 0) continue;
      this.net.now = Math.max(this.net.now, client.deadline() ?? this.net.now);
      client.tick(times());
    }
    client.close();
    this.net.settle();
    for (const host of this.hosts) host.look();
    if (client.outcome === undefined) throw new Error('no outcome');
    return client.outcome;
  }
}

door('a newcomer is let in by any member, at once, and everybody can believe it', () => {
  const world = new World();
  const host = world.host();
  const joiner = world.mesh.somebody();
  const before = world.net.now;
  const outcome = world.run(world.client(world.mesh.invite('cabin'), joiner));
  assert.is(outcome.kind, 'welcome');
  if (outcome.kind !== 'welcome') return;
  assert.is(world.net.now, before, 'nothing had to be said twice');
  assert.equal(outcome.frame.observed, NEWCOMER.endpoint);
  assert.is(outcome.frame.reachable.length, 1);
  assert.equal(outcome.by, host.who.signer.key);
  const own = new Roster(world.mesh.meshKey, { crypto: ed25519 });
  own.add(outcome.frame.statements);
  assert.is(own.member(joiner.node)?.name, 'cabin');
  assert.is(own.member(host.who.node)?.name, 'home');
  assert.ok(host.added.length > 0, 'told to others');
  assert.is(host.porch.deadline(), undefined, 'a bye made room');
});

door('a member of which another has not heard shows its chain there', () => {
  const world = new World();
  const { mesh } = world;
  const host = world.host(mesh.founder, mesh.roster.fork());
  const member = mesh.somebody();
  mesh.join(mesh.invite('cabin'), mesh.founder, mesh.roster, member);
  assert.is(host.roster.member(member.node), undefined);
  const invite = { ...mesh.invite('unused'), meshKey: mesh.meshKey };
  const statements = mesh.roster.chainOf(member.node);
  assert.is(world.run(world.client(invite, member, undefined, statements)).kind, 'welcome');
  assert.is(host.roster.member(member.node)?.name, 'cabin');
  // Somebody who has no more than another's chain.
  const thief = { ...mesh.somebody(), node: member.node };
  world.net.now += 1_000;
  const outcome = world.run(world.client(invite, thief, undefined, statements));
  assert.equal(outcome, { kind: 'unwelcome', reason: 'no-proof' });
});

door(
  'an invite that is used, expired, revoked or of somebody else: refused with the reason',
  () => {
    const world = new World();
    const host = world.host();
    const { mesh } = world;
    const used = mesh.invite('cabin');
    world.run(world.client(used, mesh.somebody()));
    const refusal = (invite: Invite, joiner = mesh.somebody()) => {
      world.net.now += 2_000; // one a second comes to the door
      const outcome = world.run(world.client(invite, joiner));
      return outcome.kind === 'unwelcome' ? outcome.reason : outcome.kind;
    };
    assert.is(refusal(used), 'used');
    const expiring = mesh.invite('shed');
    mesh.now += 2 * HOUR;
    assert.is(refusal(expiring), 'expired');
    const foreign = new World(4).mesh.invite('stranger');
    assert.is(refusal({ ...foreign, meshKey: mesh.meshKey }), 'no-issuer');
    const liar = { ...mesh.somebody(), signer: mesh.somebody().signer };
    assert.is(refusal(mesh.invite('attic'), liar), 'no-proof');
    const thief = mesh.somebody();
    const elsewhere = signShow(thief.signer, new Uint8Array(32));
    const replayed = { ...thief, signer: { ...thief.signer, sign: () => elsewhere } };
    assert.is(refusal(mesh.invite('loft'), replayed), 'no-proof');
    assert.is(host.shows, 6);
  },
);

door('an invite of another mesh opens no door, and nobody says so', () => {
  const world = new World();
  world.host();
  const other = new World(4).mesh.invite('cabin');
  const before = world.net.now;
  assert.is(world.run(world.client(other, world.mesh.somebody())).kind, 'silence');
  assert.is(world.net.now - before, GIVE_UP_MS);
  assert.is(world.hosts[0]!.porch.deadline(), undefined);
});

door('loss in both directions: every pattern of the first datagrams', () => {
  for (let pattern = 0; pattern < 64; pattern += 3) {
    const world = new World();
    world.host();
    const lost = (n: number) => n < 6 && ((pattern >> n) & 1) === 1;
    const client = world.client(world.mesh.invite('cabin'), world.mesh.somebody(), lost);
    assert.is(world.run(client, lost).kind, 'welcome', `pattern ${pattern}`);
    assert.is(world.hosts[0]!.shows, 1, 'judged but once');
  }
});

/** A second member, whom the first let in. */
function pairOfHosts(): World {
  const world = new World();
  const other = world.mesh.somebody();
  world.mesh.join(world.mesh.invite('office'), world.mesh.founder, world.mesh.roster, other);
  world.host();
  world.host(other, world.mesh.roster.fork());
  return world;
}

door('two members answer: one of them is asked', () => {
  const world = pairOfHosts();
  const invite = world.mesh.invite('cabin');
  world.hosts[1]!.roster.add([...world.mesh.roster.statements()].map(({ bytes }) => bytes));
  assert.is(world.run(world.client(invite, world.mesh.somebody())).kind, 'welcome');
  assert.is(world.hosts[0]!.shows + world.hosts[1]!.shows, 1);
});

door('one refuses or is silent: the other is asked', () => {
  for (const first of ['refuses', 'silent', 'gone'] as const) {
    const world = pairOfHosts();
    const [one, two] = world.hosts;
    if (first === 'refuses') one!.refuses = 'no-issuer';
    if (first === 'silent') one!.silent = true;
    if (first === 'gone') world.net.nodes.shift();
    const before = world.net.now;
    const outcome = world.run(world.client(world.mesh.invite('cabin'), world.mesh.somebody()));
    assert.is(outcome.kind, 'welcome', first);
    assert.is(two!.shows, 1, first);
    const wait = first === 'silent' ? PATIENCE_MS + 500 : 0;
    assert.ok(world.net.now - before <= wait, `${first}: ${world.net.now - before} ms`);
  }
});

door('both refuse, or one refuses and the other is not there: the reason, without delay', () => {
  for (const gone of [false, true]) {
    const world = pairOfHosts();
    for (const host of world.hosts) host.refuses = 'used';
    if (gone) world.net.nodes.pop();
    const before = world.net.now;
    const outcome = world.run(world.client(world.mesh.invite('cabin'), world.mesh.somebody()));
    assert.equal(outcome, { kind: 'unwelcome', reason: 'used' });
    assert.is(world.net.now - before, gone ? PATIENCE_MS : 0);
  }
});

door('taken the handshake, and then nothing', () => {
  const world = new World();
  world.host().silent = true;
  assert.is(world.run(world.client(world.mesh.invite('x'), world.mesh.somebody())).kind, 'mute');
});

door('an invite without a place to knock at', () => {
  const world = new World();
  const client = world.client(world.mesh.invite('cabin'), world.mesh.somebody());
  assert.equal(world.run(client), { kind: 'silence' });
  assert.is(client.deadline(), undefined);
});

door('a welcome fits into one frame, whatever there is to say', () => {
  const out: MeshEffect[] = [];
  const porch = new Porch({
    reader: () => new FrameReader(() => {}),
    judge: () => ({ welcome: Array.from({ length: 400 }, () => new Uint8Array(1_000)) }),
    reachable: () => Array.from({ length: 40 }, () => new Uint8Array(900)),
  });
  const times = { now: 0, wall: 0 };
  porch.onPorch(1, new Uint8Array(32), NEWCOMER, times, out);
  const node = 'A'.repeat(43);
  const show = { kind: 'show', statements: [], node, signature: new Uint8Array(64) } as const;
  for (const one of encodeFrame(show)) porch.onFrame(1, one, times, out);
  const [said] = out;
  if (said?.kind !== 'porch-frame' || said.frame.kind !== 'welcome') throw new Error('no welcome');
  assert.ok(encodeFrame(said.frame).length > 40);
  assert.is(said.frame.statements.length, 55);
});

door('the porch: bounded in number, in time, and in what it says', () => {
  const out: MeshEffect[] = [];
  const judged: unknown[] = [];
  const porch = new Porch({
    reader: () => new FrameReader(() => {}),
    judge: (show) => {
      judged.push(show);
      return { welcome: [] };
    },
    reachable: () => [],
  });
  const hash = new Uint8Array(32);
  const times = (now: number) => ({ now, wall: now });
  for (let id = 0; id < 12; id++) porch.onPorch(id, hash, NEWCOMER, times(id), out);
  const refused = out.splice(0).filter(({ kind }) => kind === 'porch-frame');
  assert.is(refused.length, 4);
  const statements = [new Uint8Array(10)];
  const show = encodeFrame({
    kind: 'show',
    statements,
    node: 'A'.repeat(43),
    signature: new Uint8Array(64),
  });
  for (let i = 0; i < 50; i++) for (const one of show) porch.onFrame(3, one, times(20), out);
  assert.is(judged.length, 1);
  assert.ok(out.length <= 10, `${out.length} answers`);
  for (const one of show) porch.onFrame(11, one, times(20), out);
  for (const one of encodeFrame({ kind: 'register', record: hash })) {
    porch.onFrame(4, one, times(20), out);
  }
  assert.is(judged.length, 1, 'nobody else is heard, and nothing else');
  out.length = 0;
  porch.tick(times(10_003), out);
  assert.is(out.filter(({ kind }) => kind === 'porch-close').length, 4);
  porch.tick(times(60_000), out);
  assert.is(porch.deadline(), undefined);
});

door.run();
