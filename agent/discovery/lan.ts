// Rendezvous on the local network by multicast DNS (RFC 6762) as a service (RFC 6763):
//
//     _kith._udp.local                PTR  TOPIC._kith._udp.local
//     TOPIC._kith._udp.local          TXT  "v=1", then the sealed record in strings of 255 bytes
//
// TOPIC is the topic of the record in base64url, 43 letters: it says something to members alone.

import { createSocket, type Socket } from 'node:dgram';
import { base64urlnopad } from '@scure/base';
import type { MulticastDNS, ResponsePacket } from 'multicast-dns';
import { TOPIC_BYTES } from './mqtt.js';

export type LanOptions = Readonly<{
  /** IPv4 addresses of this machine on its local networks. */
  addresses(): readonly string[];
  onRecord(topic: Uint8Array, sealed: Uint8Array): void;
  log(level: 'error' | 'info' | 'verbose', line: string): void;
}>;

export const SERVICE = '_kith._udp.local';
const GROUP = '224.0.0.251';
const PORT = 5353;
const TTL_S = 120; // RFC 6762, section 10
const STRING_BYTES = 255; // RFC 1035, section 3.3.14
const SEALED_BYTES_MAX = 8 * 1024; // one datagram, in fragments
const INTERFACES_MAX = 16;
const ASK_MS = [0, 1_000, 4_000]; // whoever misses the first hears another
const AGAIN_MS = 15 * 60_000; // whoever comes announces himself; this is for what was lost
const ANSWER_GAP_MS = 1_000; // RFC 6762, section 6: a record at most once a second
const RECORDS_PER_SECOND_MAX = 64; // each costs a decryption; a household has fewer
const SEEN_MAX = 256;

export class LanRendezvous {
  /** What was no record, or came too fast. */
  dropped = 0;
  private links: { mdns: MulticastDNS; address: string }[] = [];
  private own: { topic: string; sealed: Uint8Array } | undefined;
  private timers: NodeJS.Timeout[] = [];
  private answeredAt = Number.NEGATIVE_INFINITY;
  private answerTimer: NodeJS.Timeout | undefined;
  private second = 0;
  private inSecond = 0;
  private readonly seen = new Map<string, string>(); // topic → what was handed on last
  private stopped = false;

  constructor(private readonly options: LanOptions) {}

  async start(): Promise<void> {
    const { default: multicastDns } = await import('multicast-dns');
    for (const address of this.options.addresses().slice(0, INTERFACES_MAX)) {
      const socket = await openSocket(address).catch((error: Error) => {
        this.options.log('info', `multicast DNS at ${address}: ${error.message}`);
        return undefined;
      });
      if (!socket) continue;
      if (this.stopped) {
        socket.close();
        return;
      }
      // Its own way of joining groups looks at all interfaces every five seconds.
      const mdns = multicastDns({ socket, bind: false, multicast: false });
      mdns.on('query', ({ questions = [] }) => {
        if (questions.some(({ name }) => name.toLowerCase() === SERVICE)) this.answer();
      });
      mdns.on('response', (response) => this.read(response));
      mdns.on('warning', () => this.dropped++);
      mdns.on('error', () => this.dropped++);
      this.links.push({ mdns, address });
    }
    for (const ms of ASK_MS) this.timers.push(setTimeout(() => this.ask(), ms));
    this.timers.push(setInterval(() => this.ask(), AGAIN_MS));
  }

  /** Our record, told at once and whenever somebody asks. */
  publish(topic: Uint8Array, sealed: Uint8Array): void {
    if (topic.length !== TOPIC_BYTES)
      throw new RangeError(`"topic" has ${topic.length} bytes, not ${TOPIC_BYTES}`);
    if (sealed.length > SEALED_BYTES_MAX)
      throw new RangeError(`"sealed" has ${sealed.length} bytes, more than ${SEALED_BYTES_MAX}`);
    this.own = { topic: base64urlnopad.encode(topic), sealed };
    this.answer();
  }

  /** The networks are others now. */
  async moved(): Promise<void> {
    this.close();
    this.seen.clear();
    await this.start();
  }

  stop(): void {
    this.stopped = true;
    this.close();
  }

  private close(): void {
    for (const timer of this.timers.splice(0)) clearTimeout(timer);
    clearTimeout(this.answerTimer);
    this.answerTimer = undefined;
    for (const { mdns } of this.links.splice(0)) mdns.destroy();
  }

  private ask(): void {
    for (const { mdns } of this.links) mdns.query({ questions: [{ name: SERVICE, type: 'PTR' }] });
  }

  private answer(): void {
    if (!this.own || this.answerTimer) return;
    const wait = Math.max(0, this.answeredAt + ANSWER_GAP_MS - performance.now());
    // Not all at once when somebody asks (RFC 6762, section 6).
    this.answerTimer = setTimeout(() => this.tell(), wait + 20 + 100 * Math.random());
  }

  private tell(): void {
    this.answerTimer = undefined;
    if (!this.own) return;
    this.answeredAt = performance.now();
    const { topic, sealed } = this.own;
    const name = `${topic}.${SERVICE}`;
    const data = [Buffer.from('v=1'), ...strings(sealed)];
    for (const { mdns } of this.links)
      mdns.respond({
        answers: [
          { name: SERVICE, type: 'PTR', ttl: TTL_S, data: name },
          { name, type: 'TXT', ttl: TTL_S, data },
        ],
      });
  }

  private read({ answers = [], additionals = [] }: ResponsePacket): void {
    for (const answer of [...answers, ...additionals].slice(0, RECORDS_PER_SECOND_MAX)) {
      if (answer.type !== 'TXT' || !answer.name.endsWith(`.${SERVICE}`)) continue;
      const topic = answer.name.slice(0, -SERVICE.length - 1);
      if (topic === this.own?.topic) continue;
      const sealed = sealedOf(answer.data);
      if (!sealed || !/^[A-Za-z0-9_-]{43}$/.test(topic)) this.dropped++;
      else this.take(topic, sealed);
    }
  }

  private take(topic: string, sealed: Buffer): void {
    // Every socket hears what comes in at any of them.
    const text = sealed.toString('base64');
    if (this.seen.get(topic) === text) return;
    if (!this.mayTake()) return;
    if (this.seen.size >= SEEN_MAX) this.seen.clear();
    this.seen.set(topic, text);
    let bytes: Uint8Array;
    try {
      bytes = base64urlnopad.decode(topic);
    } catch {
      this.dropped++; // 43 letters of which the last holds bits that mean nothing
      return;
    }
    this.options.onRecord(bytes, new Uint8Array(sealed));
  }

  private mayTake(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.second) this.inSecond = 0;
    this.second = second;
    if (++this.inSecond <= RECORDS_PER_SECOND_MAX) return true;
    this.dropped++;
    return false;
  }
}

function openSocket(address: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind(PORT, '0.0.0.0', () => {
      try {
        socket.addMembership(GROUP, address);
        socket.setMulticastInterface(address);
        socket.setMulticastTTL(255); // RFC 6762, section 11
        socket.setMulticastLoopback(true);
        socket.removeAllListeners('error');
        resolve(socket);
      } catch (error) {
        socket.close();
        reject(error);
      }
    });
  });
}

function strings(bytes: Uint8Array): Buffer[] {
  const count = Math.ceil(bytes.length / STRING_BYTES);
  const at = (i: number) => bytes.subarray(i * STRING_BYTES, (i + 1) * STRING_BYTES);
  return Array.from({ length: count }, (_, i) => Buffer.from(at(i)));
}

function sealedOf(data: unknown): Buffer | undefined {
  if (!Array.isArray(data) || !data.every((one): one is Buffer => Buffer.isBuffer(one)))
    return undefined;
  const [version, ...rest] = data;
  const sealed = Buffer.concat(rest);
  const good = version?.toString() === 'v=1' && sealed.length > 0;
  return good && sealed.length <= SEALED_BYTES_MAX ? sealed : undefined;
}
