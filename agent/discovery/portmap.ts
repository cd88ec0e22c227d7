// Keeps one UDP port of the router in front mapped to ours: PCP is asked first, NAT-PMP where the
// router does not know it. Leases of two hours are renewed at half their time; a router that is
// silent is asked again now and then, for it may have been restarted or exchanged.

import { createSocket, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import type { Address, Endpoint } from '../bytes/address.js';
import {
  PCP_PORT,
  type PortAnswer,
  pcpRequest,
  pmpAddressRequest,
  pmpRequest,
  readAnswer,
} from './pcp.js';

export type PortMappingOptions = Readonly<{
  port: number; // ours, UDP
  random: (bytes: number) => Uint8Array;
  /** Null: the mapping is gone. */
  onMapping: (endpoint: Endpoint | null) => void;
  gateway?: () => Address | undefined; // a test has one of its own
  gatewayPort?: number;
}>;

const LEASE_S = 7_200; // RFC 6887 leaves it to the client; others ask for the same
const TRIES = 4; // 250 ms, doubled: the router is at most a cable away
const FIRST_TRY_MS = 250;
const SILENT_MS = 10 * 60_000; // then asked again
const RENEW_LEAST_MS = 10_000; // whatever lifetime a router gives

export class PortMapping {
  private readonly nonce: Uint8Array;
  private socket: Socket | undefined;
  private timer: NodeJS.Timeout | undefined;
  private protocol: 'pcp' | 'nat-pmp' = 'pcp';
  private tries = 0;
  private outside: Address | null = null; // as NAT-PMP tells it
  private told: Endpoint | null = null;
  private mappedPort = 0;
  private gateway: Address | undefined;

  constructor(private readonly options: PortMappingOptions) {
    this.nonce = options.random(12);
  }

  start(): void {
    this.begin();
  }

  /** Our way out has changed: there may be another router now. */
  moved(): void {
    this.close();
    this.begin();
  }

  /** Gives the port back, as far as the router still listens. */
  async stop(): Promise<void> {
    clearTimeout(this.timer);
    if (this.told !== null && this.gateway !== undefined) {
      await new Promise<void>((resolve) => this.send(this.request(0), () => resolve()));
    }
    this.close();
  }

  private close(): void {
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = undefined;
  }

  private begin(): void {
    this.protocol = 'pcp';
    this.tries = 0;
    this.outside = null;
    this.gateway = (this.options.gateway ?? defaultGateway)();
    if (this.gateway === undefined) {
      this.lose();
      return;
    }
    const socket = createSocket('udp4');
    this.socket = socket;
    socket.on('error', () => {}); // a router that is no longer there: the timer goes on
    socket.on('message', (bytes, from) => {
      if (from.address === this.gateway) this.take(new Uint8Array(bytes));
    });
    socket.connect(this.options.gatewayPort ?? PCP_PORT, this.gateway, () => this.ask());
  }

  private ask(): void {
    if (this.socket === undefined) return;
    if (this.tries >= TRIES) {
      if (this.protocol === 'nat-pmp') {
        this.lose();
        return;
      }
      this.protocol = 'nat-pmp';
      this.tries = 0;
    }
    this.send(this.request(LEASE_S));
    if (this.protocol === 'nat-pmp' && this.outside === null) this.send(pmpAddressRequest());
    this.arm(FIRST_TRY_MS * 2 ** this.tries++);
  }

  private request(lifetimeS: number): Uint8Array {
    const { port } = this.options;
    const request = { internalPort: port, externalPort: this.mappedPort || port, lifetimeS };
    if (this.protocol === 'nat-pmp') return pmpRequest(request);
    return pcpRequest(request, this.socket?.address().address ?? '0.0.0.0', this.nonce);
  }

  private send(bytes: Uint8Array, done: () => void = () => {}): void {
    try {
      if (this.socket === undefined) done();
      else this.socket.send(bytes, done);
    } catch {
      done(); // not connected yet, or no more
    }
  }

  private take(bytes: Uint8Array): void {
    const answer = readAnswer(bytes, { nonce: this.nonce, internalPort: this.options.port });
    if (answer?.kind === 'address') this.outside = answer.address;
    else if (answer?.kind === 'mapped') this.renewAfter(answer);
    else if (answer?.kind === 'refused') this.refused(answer.wrongVersion);
    if (answer?.kind !== 'refused') this.tell();
  }

  private renewAfter(answer: Extract<PortAnswer, { kind: 'mapped' }>): void {
    this.tries = 0;
    this.mappedPort = answer.externalPort;
    if (answer.address !== null) this.outside = answer.address;
    this.arm(Math.max(RENEW_LEAST_MS, (answer.lifetimeS * 1000) / 2));
  }

  private refused(wrongVersion: boolean): void {
    if (wrongVersion && this.protocol === 'pcp') {
      this.protocol = 'nat-pmp';
      this.tries = 0;
      this.ask();
    } else this.lose();
  }

  private tell(): void {
    if (this.mappedPort === 0 || this.outside === null) return;
    const endpoint = { address: this.outside, port: this.mappedPort };
    if (endpoint.address === this.told?.address && endpoint.port === this.told.port) return;
    this.told = endpoint;
    this.options.onMapping(endpoint);
  }

  private lose(): void {
    this.mappedPort = 0;
    if (this.told !== null) {
      this.told = null;
      this.options.onMapping(null);
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.moved(), SILENT_MS);
    this.timer.unref();
  }

  private arm(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), ms);
    this.timer.unref();
  }
}

/** The IPv4 default gateway, from the kernel's table (proc(5), /proc/net/route). */
export function defaultGateway(
  table = () => readFileSync('/proc/net/route', 'utf8'),
): Address | undefined {
  let best: Readonly<{ gateway: string; metric: number }> | undefined;
  for (const line of table().split('\n').slice(1)) {
    const [, destination, gateway = '', flags = '0', , , metric = '0'] = line.split('\t');
    const isDefault = destination === '00000000' && (Number.parseInt(flags, 16) & 2) !== 0;
    if (isDefault && Number(metric) < (best?.metric ?? Number.POSITIVE_INFINITY))
      best = { gateway, metric: Number(metric) };
  }
  // The kernel prints the address as a number of this machine's byte order.
  const bytes = best?.gateway
    .match(/../g)
    ?.map((pair) => Number.parseInt(pair, 16))
    .reverse();
  return bytes?.join('.');
}
