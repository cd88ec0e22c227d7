// The agent's own way into its broker: no socket, no packets.

import type { Aedes, Client } from 'aedes';
import type { Dial, WireEvents } from '../mqtt/wire.js';

export type LocalBroker = Readonly<{ aedes: Aedes; trusted(client: Client): boolean }>;

export function localDial({ aedes, trusted }: LocalBroker): Dial {
  return async (_, events) => {
    const topics = new Set<string>();
    const hear = heardBy(topics, trusted, events);
    aedes.on('publish', hear);
    return {
      protocol: 'its own broker',
      publish: (topic, payload, retain) =>
        new Promise((resolve, reject) => {
          const packet = {
            topic,
            payload: Buffer.from(payload),
            retain,
            qos: 0,
            dup: false,
          } as const;
          aedes.publish({ cmd: 'publish', ...packet }, (error) =>
            error ? reject(error) : resolve(),
          );
        }),
      async subscribe(more) {
        for (const topic of more) topics.add(topic);
      },
      async unsubscribe(topic) {
        topics.delete(topic);
      },
      async close() {
        aedes.off('publish', hear);
      },
    };
  };
}

/** What clients publish; not what the agent does, nor the broker itself. */
function heardBy(
  topics: ReadonlySet<string>,
  trusted: (client: Client) => boolean,
  events: WireEvents,
) {
  return (
    { topic, payload }: { topic: string; payload: string | Buffer },
    client: Client | null,
  ) => {
    if (!client || !(topics.has(topic) || topics.has(topic.replace(/[^/]*$/, '+')))) return;
    const reply = (to: string, text: string) =>
      client.publish(
        {
          cmd: 'publish',
          topic: to,
          payload: Buffer.from(text),
          qos: 0,
          dup: false,
          retain: false,
        },
        () => {}, // aedes calls it without asking whether there is one
      );
    events.onMessage({
      topic,
      payload: Buffer.from(payload),
      retained: false,
      reply: trusted(client) ? reply : undefined,
    });
  };
}
