// A connection to a broker on the network, by mqtt.js: MQTT 5, or 3.1.1 where the broker knows no
// better; TCP, TLS, WebSocket.

import type { IClientOptions, MqttClient } from 'mqtt';
import { systemCode } from '../../commands/failure.js';
import { PacketSize } from './packetsize.js';
import type { Dial, Will, Wire, WireEvents } from './wire.js';

export type Account = Readonly<{
  url: string;
  clientId: string;
  username?: string | undefined;
  password?: Uint8Array | undefined;
  ca?: Uint8Array | undefined; // PEM, instead of the system's own
  certificate?: Uint8Array | undefined; // PEM
  key?: Uint8Array | undefined; // PEM
}>;

export const PACKET_BYTES_MAX = 2 * 1024 * 1024; // parsed in memory; what we take is far smaller
const CONNECT_MS = 20_000; // TCP, TLS and CONNACK together
const KEEPALIVE_S = 30; // a broker that is gone is noticed within half as much more
const GOODBYE_MS = 2_000;

type Version = 5 | 4; // 4 is what 3.1.1 calls itself on the wire

/** `account` is asked at every attempt, so that a password changed in its file is taken up. */
export function dialer(account: () => Account): Dial {
  let version: Version = 5;
  return async (will, events) => {
    const settings = account();
    try {
      return await attempt(settings, version, will, events);
    } catch (error) {
      if (!mayBeVersion(error)) throw asError(error, settings);
    }
    // The broker may know only the other version; which one is said in many ways.
    const other: Version = version === 5 ? 4 : 5;
    try {
      const wire = await attempt(settings, other, will, events);
      version = other;
      return wire;
    } catch (error) {
      throw asError(error, settings);
    }
  };
}

async function attempt(
  account: Account,
  version: Version,
  will: Will,
  events: WireEvents,
): Promise<Wire> {
  const { default: mqtt } = await import('mqtt');
  const client = mqtt.connect(account.url, optionsOf(account, version, will));
  const size = new PacketSize(PACKET_BYTES_MAX);
  client.stream.on('data', (bytes: Uint8Array) => {
    if (!size.see(bytes)) client.stream.destroy(new Error(TOO_LARGE));
  });
  try {
    await accepted(client);
  } catch (error) {
    client.end(true);
    throw error;
  }
  return new NetworkWire(client, version === 5 ? 'MQTT 5' : 'MQTT 3.1.1', events);
}

const TOO_LARGE = `the broker sent a packet larger than ${PACKET_BYTES_MAX} bytes`;
const CLOSED_EARLY = 'the broker closed the connection without a word';

function optionsOf(account: Account, protocolVersion: Version, will: Will): IClientOptions {
  const { clientId, username, password, ca, certificate, key } = account;
  return {
    clientId,
    protocolVersion,
    clean: true,
    keepalive: KEEPALIVE_S,
    connectTimeout: CONNECT_MS,
    reconnectPeriod: 0, // link.ts decides when
    resubscribe: false,
    queueQoSZero: false,
    writeCache: false, // 65,536 two-byte buffers, 16 MB, made at the first packet
    will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true },
    ...(protocolVersion === 5 && { properties: { maximumPacketSize: PACKET_BYTES_MAX } }),
    ...(username !== undefined && { username }),
    ...(password && { password: Buffer.from(password) }),
    ...(ca && { ca: Buffer.from(ca) }),
    ...(certificate && key && { cert: Buffer.from(certificate), key: Buffer.from(key) }),
  };
}

function accepted(client: MqttClient): Promise<void> {
  return new Promise((resolve, reject) => {
    client.on('error', reject); // stays: an error without a listener would end the process
    client.once('connect', () => resolve());
    client.once('close', () => reject(new Error(CLOSED_EARLY)));
  });
}

class NetworkWire implements Wire {
  private open = true;
  private reason = 'the broker closed the connection';
  private readonly waiting = new Set<(error: Error) => void>();

  constructor(
    private readonly client: MqttClient,
    readonly protocol: string,
    events: WireEvents,
  ) {
    client.on('message', (topic, payload, { retain }) =>
      events.onMessage({ topic, payload, retained: retain }),
    );
    client.on('error', (error) => {
      this.reason = reasonOf(error);
    });
    client.on('disconnect', ({ reasonCode }) => {
      if (reasonCode) this.reason = `the broker ended it, reason code ${reasonCode}`;
    });
    client.once('close', () => {
      const wasOpen = this.open;
      this.open = false;
      for (const reject of this.waiting) reject(new Error(this.reason));
      this.waiting.clear();
      if (wasOpen) events.onClosed(this.reason);
    });
  }

  publish(topic: string, payload: string | Uint8Array, retain: boolean): Promise<void> {
    return this.wait((done) => {
      const bytes = typeof payload === 'string' ? payload : Buffer.from(payload);
      this.client.publish(topic, bytes, { qos: 1, retain }, done);
    });
  }

  subscribe(topics: readonly string[]): Promise<void> {
    return this.wait((done) => this.client.subscribe([...topics], { qos: 1 }, done));
  }

  unsubscribe(topic: string): Promise<void> {
    return this.wait((done) => this.client.unsubscribe(topic, done));
  }

  async close(): Promise<void> {
    this.open = false;
    const ended = this.client.endAsync().catch(() => {});
    const late = new Promise<void>((resolve) => setTimeout(resolve, GOODBYE_MS).unref());
    await Promise.race([ended, late]);
    this.client.end(true);
  }

  /** mqtt.js forgets some of its callbacks when the connection goes. */
  private wait(start: (done: (error?: Error | null) => void) => void): Promise<void> {
    if (!this.open) return Promise.reject(new Error(this.reason));
    return new Promise((resolve, reject) => {
      this.waiting.add(reject);
      start((error) => {
        this.waiting.delete(reject);
        if (error) reject(error);
        else resolve();
      });
    });
  }
}

/** CONNACK's return codes of 3.1.1 below 128, MQTT 5's reason codes from there. */
const REFUSALS: Readonly<Record<number, string>> = {
  2: 'the broker refuses the client id',
  3: 'the broker is not ready',
  4: 'the broker refuses the user name or password',
  5: 'the broker does not allow this user',
  134: 'the broker refuses the user name or password',
  135: 'the broker does not allow this user',
  136: 'the broker is not ready',
  137: 'the broker is busy',
  138: 'the broker has banned this client',
};
const BAD_VERSION = [1, 130, 132];

function mayBeVersion(error: unknown): boolean {
  const code = codeOf(error);
  if (typeof code === 'number') return BAD_VERSION.includes(code);
  const said = error instanceof Error ? error.message : '';
  return code === undefined && said !== TOO_LARGE && said !== 'connack timeout';
}

function codeOf(error: unknown): number | string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'number' || typeof error.code === 'string' ? error.code : undefined;
}

const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the other side broke the connection',
  EPIPE: 'the other side broke the connection',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name server does not answer',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  CERT_HAS_EXPIRED: 'its certificate has expired (or the clock here is wrong)',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet (or the clock here is wrong)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed: see mqtt.caFile',
  SELF_SIGNED_CERT_IN_CHAIN: 'nobody known signed its certificate: see mqtt.caFile',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'nobody known signed its certificate: see mqtt.caFile',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'nobody known signed its certificate: see mqtt.caFile',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a client certificate',
};

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (typeof code === 'number') return REFUSALS[code] ?? `the broker refuses, reason code ${code}`;
  if (code !== undefined) return SYSTEM[code] ?? code;
  const said = error instanceof Error ? error.message : String(error);
  return said === 'connack timeout' ? `no answer within ${CONNECT_MS / 1000} s` : said;
}

function asError(error: unknown, { url }: Account): Error {
  const host = /^\w+:\/\/([^/]*)/.exec(url)?.[1] ?? url;
  return new Error(`${host}: ${reasonOf(error)}`, { cause: systemCode(error) });
}
