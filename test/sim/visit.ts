// One who stands at a door, in virtual time: a newcomer with an invite, or a member of whom the
// other has not heard yet. What agent/control/door.ts does on real sockets.

import type { Endpoint } from '../../agent/bytes/address.js';
import {
  DoorClient,
  type DoorClientOptions,
  type DoorOutcome,
} from '../../agent/mesh/doorclient.js';
import type { Times } from '../../agent/mesh/effects.js';
import type { Random } from '../lab/random.js';
import type { Host, Net } from './net.js';
import type { World } from './world.js';

/** The machine that it stands on. */
export type Standing = Readonly<{
  random: Random;
  host: Host;
  net: Net;
  world: World;
  times(): Times;
}>;

const STEP_MIN_MS = 1; // the granularity of real timers

export class Visit {
  private readonly client: DoorClient;
  private done: (outcome: DoorOutcome) => void = () => {};
  private ended = false;

  constructor(
    private readonly node: Standing,
    port: number,
    options: Omit<DoorClientOptions, 'random' | 'slotFor' | 'send'>,
  ) {
    this.client = new DoorClient({
      ...options,
      random: (bytes) => node.random.bytes(bytes),
      slotFor: ({ address }) => (address.includes(':') ? 1 : 0),
      send: (datagram, { endpoint }) => node.net.send(node.host, port, datagram, endpoint),
    });
  }

  /** `done` is called once; `silence` where the machine goes down before. */
  start(done: (outcome: DoorOutcome) => void): void {
    this.done = done;
    this.client.start(this.node.times());
    this.next();
  }

  receive(bytes: Uint8Array, from: Endpoint): void {
    if (this.ended) return;
    const slot = from.address.includes(':') ? 1 : 0;
    this.client.outside(
      bytes,
      { slot, endpoint: from, source: null, channel: 0 },
      this.node.times(),
    );
    if (this.client.outcome !== undefined) this.end(this.client.outcome);
  }

  private next(): void {
    const { client, node } = this;
    if (client.outcome !== undefined) {
      this.end(client.outcome);
      return;
    }
    const { world } = node;
    world.at(Math.max(client.deadline() ?? 0, world.now + STEP_MIN_MS), () => {
      if (this.ended) return;
      if (node.host.up) client.tick(node.times());
      else this.end({ kind: 'silence' });
      if (!this.ended) this.next();
    });
  }

  private end(outcome: DoorOutcome): void {
    if (this.ended) return;
    this.ended = true;
    this.client.close();
    this.done(outcome);
  }
}
