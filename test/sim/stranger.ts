// Somebody without any key who can read what is sent, and send to whom he likes: he repeats
// handshakes and messages of others, whole, cut and altered, floods nodes with initiations that
// pass the first check, and stands at the door with nothing to show.

import { idBytes } from '../../agent/identity/nodeid.js';
import { Macs } from '../../agent/wireguard/cookie.js';
import { Random } from '../lab/random.js';
import type { Datagram, Host } from './net.js';
import { LISTEN_PORT, type SimNode } from './node.js';
import { flipped } from './nonsense.js';
import type { Village } from './village.js';
import { Visit } from './visit.js';

const KEPT_MAX = 128;
const ROUND_MS = 600;
const REPLAYS = 6;
const FLOOD = 12; // initiations in one round
const INITIATION_BYTES = 148;
const PORT = 6_666;
const DOOR_PORT = 6_667;

export class Stranger {
  private readonly random: Random;
  private readonly host: Host;
  private readonly kept: Datagram[] = [];
  private visit: Visit | undefined;
  private active = false;

  constructor(private readonly village: Village) {
    const { net, checks, world } = village;
    this.random = new Random(world.random.below(2 ** 32));
    this.host = net.host('stranger');
    this.host.receive = (port, bytes, from) => {
      if (port === DOOR_PORT) this.visit?.receive(bytes, from);
    };
    checks.distrust(this.host);
    const { onWire } = net;
    net.onWire = (datagram, sender) => {
      onWire(datagram, sender);
      if (sender !== this.host && this.active) this.keep(datagram);
    };
  }

  begin(): void {
    this.active = true;
    this.round();
  }

  end(): void {
    this.active = false;
  }

  private keep({ bytes, from, to }: Datagram): void {
    const copy = { bytes: Uint8Array.from(bytes), from, to };
    if (this.kept.length < KEPT_MAX) this.kept.push(copy);
    else if (this.random.below(8) === 0) this.kept[this.random.below(KEPT_MAX)] = copy;
  }

  private round(): void {
    const { village, random } = this;
    village.world.after(ROUND_MS, () => {
      if (!this.active) return;
      this.round();
      const all = village.nodes.filter((node) => village.isOpen(node));
      const victim = all[random.below(all.length)];
      for (let i = 0; i < REPLAYS; i++) this.replay(victim);
      if (victim !== undefined && random.below(4) === 0) this.flood(victim);
      if (victim !== undefined && random.below(8) === 0) this.knock(victim);
    });
  }

  /** To whom it was sent, or to somebody else. */
  private replay(victim: SimNode | undefined): void {
    const { random, village } = this;
    const old = this.kept[random.below(this.kept.length)];
    if (old === undefined) return;
    const forms = [
      old.bytes,
      flipped(old.bytes, random),
      old.bytes.subarray(0, random.below(old.bytes.length)),
    ];
    const bytes = Uint8Array.from(forms[random.below(forms.length)] ?? old.bytes);
    const elsewhere = victim && { address: victim.host.address, port: LISTEN_PORT };
    const to = random.below(3) === 0 && elsewhere ? elsewhere : old.to;
    if (bytes.length > 0) village.net.send(this.host, PORT, bytes, to);
  }

  private flood(victim: SimNode): void {
    const { crypto } = this.village.people;
    const publicKey = crypto.toX25519(idBytes(victim.id));
    if (publicKey === undefined) return;
    const macs = new Macs(publicKey);
    for (let i = 0; i < FLOOD; i++) {
      const datagram = this.random.bytes(INITIATION_BYTES);
      datagram.set([1, 0, 0, 0]);
      macs.add(datagram, this.village.world.now);
      const to = { address: victim.host.address, port: LISTEN_PORT };
      this.village.net.send(this.host, PORT, datagram, to);
    }
  }

  /** With a key of his own, and statements that prove nothing. */
  private knock(victim: SimNode): void {
    const { people, net, world } = this.village;
    if (this.visit !== undefined) return;
    const endpoint = { address: victim.host.address, port: LISTEN_PORT };
    const { random, host } = this;
    const times = () => world.times();
    const [admin] = people.persons;
    this.visit = new Visit({ random, host, net, world, times }, DOOR_PORT, {
      meshKey: people.meshKey,
      doors: [{ nodeKey: idBytes(victim.id), endpoint }],
      node: admin?.id ?? '',
      statements: people.roster.chainOf(admin?.id ?? ''),
      sign: () => random.bytes(64),
    });
    this.visit.start((outcome) => {
      this.visit = undefined;
      if (outcome.kind === 'welcome') world.fail(`${victim.name} welcomes a stranger`);
    });
  }
}
