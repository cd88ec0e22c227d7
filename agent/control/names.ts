// Peers whose endpoint is a name: when to ask for its addresses, and which of them to try.
//
// A name is asked for at once, and again whenever the peer's last handshake is older than 135 s:
// by then two rekeys have failed, and the peer may have moved to a new address (a home behind
// dynamic DNS). Each fruitless question is followed by a longer pause. A name with several
// addresses gets them in turn.
//
// Without I/O: `due` says which to ask now, `answer` takes the addresses, `deadline` says when
// next.

import type { Endpoint } from '../bytes/address.js';
import { type Host, literalEndpoint, parseHost } from '../config/host.js';
import type { Config } from '../config/schema.js';

export const HANDSHAKE_STALE_MS = 135_000; // rekey after 120 s, and 15 s for its attempts
export const FIRST_PAUSE_MS = 2_000; // a router asks before its own uplink is there
export const LONGEST_PAUSE_MS = 300_000;

type Name = {
  text: string; // host:port as configured
  host: Host;
  endpoint: Endpoint | undefined;
  askAt: number;
  pause: number;
  asking: boolean;
  error: string | undefined;
};

export class Names {
  private readonly byPeer = new Map<string, Name>();

  /** What is configured now; what is known of names that stay is kept. */
  configure(config: Config, now: number): void {
    const kept = new Set<string>();
    for (const { publicKey, endpoint } of config.peers) {
      const host = endpoint === null ? undefined : parseHost(endpoint);
      if (endpoint === null || !host || literalEndpoint(host)) continue;
      kept.add(publicKey);
      if (this.byPeer.get(publicKey)?.text === endpoint) continue;
      const fresh = { endpoint: undefined, asking: false, error: undefined, pause: FIRST_PAUSE_MS };
      this.byPeer.set(publicKey, { text: endpoint, host, askAt: now, ...fresh });
    }
    for (const publicKey of this.byPeer.keys())
      if (!kept.has(publicKey)) this.byPeer.delete(publicKey);
  }

  /** Peers to ask for now. `handshakeAge` in milliseconds, Infinity for never. */
  due(now: number, handshakeAge: (publicKey: string) => number): Array<[string, Host]> {
    const hosts: Array<[string, Host]> = [];
    for (const [publicKey, name] of this.byPeer) {
      if (name.asking || now < name.askAt) continue;
      const age = handshakeAge(publicKey);
      if (name.endpoint && age < HANDSHAKE_STALE_MS) {
        name.askAt = now + HANDSHAKE_STALE_MS - age;
        name.pause = FIRST_PAUSE_MS;
        continue;
      }
      name.asking = true;
      hosts.push([publicKey, name.host]);
    }
    return hosts;
  }

  /** The endpoint to try; undefined where there is none, or the name has changed meanwhile. */
  answer(
    publicKey: string,
    host: Host,
    result: Readonly<{ addresses: readonly string[] } | { error: string }>,
    now: number,
  ): Endpoint | undefined {
    const name = this.byPeer.get(publicKey);
    if (name?.host !== host) return undefined;
    name.asking = false;
    name.askAt = now + name.pause;
    name.pause = Math.min(2 * name.pause, LONGEST_PAUSE_MS);
    name.error = 'error' in result ? result.error : undefined;
    const addresses = 'error' in result ? [] : result.addresses;
    const tried = addresses.indexOf(name.endpoint?.address ?? '');
    const address = addresses[(tried + 1) % Math.max(1, addresses.length)];
    if (address === undefined) return undefined;
    name.endpoint = { address, port: host.port };
    return name.endpoint;
  }

  deadline(): number | undefined {
    let next: number | undefined;
    for (const { asking, askAt } of this.byPeer.values())
      if (!asking && (next === undefined || askAt < next)) next = askAt;
    return next;
  }

  /** Endpoints of names that are resolved, by `host:port` as configured. */
  known(): Map<string, Endpoint> {
    const known = new Map<string, Endpoint>();
    for (const { text, endpoint } of this.byPeer.values()) if (endpoint) known.set(text, endpoint);
    return known;
  }

  /** Why a peer's name has no address yet. */
  errorOf(publicKey: string): string | undefined {
    const name = this.byPeer.get(publicKey);
    return name && !name.endpoint ? name.error : undefined;
  }
}
