// What a client of the own broker may do. The broker keeps everything in memory, so what a client
// can make it keep is bounded.

import type { AedesOptions, Client } from 'aedes';
import { equal } from '../../crypto/primitives.js';

export const USER = 'kith';
export const RETAINED_MAX = 2_048; // topics of foreign clients: every light of a large home
export const PAYLOAD_BYTES_MAX = 1024 * 1024;
const TOPIC_BYTES_MAX = 512;
const WAITING_MAX = 64; // packets of a client before it is accepted

/** `trusted`: clients that have logged in elsewhere, as at the dashboard. */
export function roomRules(
  password: Uint8Array,
  trusted: (client: Client) => boolean,
): AedesOptions {
  const retained = new Set<string>();
  return {
    queueLimit: WAITING_MAX,
    maxInflightInbound: WAITING_MAX,
    maxTopicLevels: 32,
    preConnect(_, packet, done) {
      packet.clean = true; // nothing is kept for those who are away
      done(null, true);
    },
    authenticate(client, username, given, done) {
      const right = username === USER && given !== undefined && equal(given, password);
      if (trusted(client) || right) return done(null, true);
      const error = new Error('bad user name or password');
      done(Object.assign(error, { returnCode: 4 }), null); // 3.1.1, section 3.2.2.3
    },
    authorizePublish(client, packet, done) {
      const { topic, payload, retain } = packet;
      const room = !retain || retained.has(topic) || retained.size < RETAINED_MAX;
      if (topic.startsWith('$') || Buffer.byteLength(topic) > TOPIC_BYTES_MAX || !room)
        return done(new Error(`refused: ${client?.id ?? ''}`));
      if (payload.length > PAYLOAD_BYTES_MAX) return done(new Error('too large'));
      if (retain && payload.length > 0) retained.add(topic);
      else if (retain) retained.delete(topic);
      done(null);
    },
  };
}
