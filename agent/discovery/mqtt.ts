// Rendezvous over an MQTT broker: each member leaves its sealed record retained under a topic that
// only members can work out, and listens at those of the others. The broker sees neither who nor
// where, and what it makes up does not open.

import { base64urlnopad } from '@scure/base';

export const TOPIC_BYTES = 32;
export const SEALED_BYTES_MAX = 8 * 1024; // a record with a chain has about two thousand

/** What is needed of the link to the broker (agent/control/mqtt/mqtt.ts). */
export interface RetainingLink {
  /** Lies there from now on, again after each break; empty: no more. False: no room. */
  retain(topic: string, payload: Uint8Array): boolean;
  watch(topic: string, onMessage: (message: { payload: Uint8Array }) => void): boolean;
  unwatch(topic: string): void;
}

export type RecordHandler = (topic: Uint8Array, sealed: Uint8Array) => void;

export class MqttRendezvous {
  /** Records too large to be one, and members beyond what the link takes. */
  dropped = 0;
  private own: string | undefined;
  private readonly watched = new Set<string>();

  /** `base` is the base topic of the mesh, such as `kith`. */
  constructor(
    private readonly link: RetainingLink,
    private readonly base: string,
    private readonly onRecord: RecordHandler,
  ) {}

  /** Our record; one under another topic, from an older key, is taken away. */
  publish(topic: Uint8Array, sealed: Uint8Array): void {
    if (sealed.length > SEALED_BYTES_MAX)
      throw new RangeError(`"sealed" has ${sealed.length} bytes, more than ${SEALED_BYTES_MAX}`);
    const name = this.nameOf(topic);
    if (this.own !== undefined && this.own !== name) this.link.retain(this.own, new Uint8Array(0));
    this.own = name;
    if (!this.link.retain(name, sealed)) this.dropped++;
  }

  /** The members whose records we want to hear, all of them; others are heard no more. */
  watch(topics: Iterable<Uint8Array>): void {
    const wanted = new Map(Array.from(topics, (topic) => [this.nameOf(topic), topic]));
    for (const name of this.watched)
      if (!wanted.has(name)) {
        this.link.unwatch(name);
        this.watched.delete(name);
      }
    for (const [name, topic] of wanted) {
      if (this.watched.has(name) || name === this.own) continue;
      if (this.link.watch(name, ({ payload }) => this.take(topic, payload))) this.watched.add(name);
      else this.dropped++;
    }
  }

  stop(): void {
    for (const name of this.watched) this.link.unwatch(name);
    this.watched.clear();
  }

  private take(topic: Uint8Array, payload: Uint8Array): void {
    if (payload.length === 0) return; // taken away
    if (payload.length > SEALED_BYTES_MAX) this.dropped++;
    else this.onRecord(topic, new Uint8Array(payload));
  }

  private nameOf(topic: Uint8Array): string {
    if (topic.length !== TOPIC_BYTES)
      throw new RangeError(`"topic" has ${topic.length} bytes, not ${TOPIC_BYTES}`);
    return `${this.base}/rendezvous/${base64urlnopad.encode(topic)}`;
  }
}
