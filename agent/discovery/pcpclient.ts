// One router, asked for a port by PCP or by NAT-PMP, and asked again at half of each lease.

import { createSocket, type Socket } from 'node:dgram';
import type { Address } from '../bytes/address.js';
import {
  PCP_PORT,
  type PortAnswer,
  pcpRequest,
  pmpAddressRequest,
  pmpRequest,
  readAnswer,
} from './pcp.js';
import { LEASE_S, type PortClient, type PortClientOptions, renewMs } from './portclient.js';

const TRIES = 3; // 250 ms, doubled: the router is at most a cable away
const FIRST_TRY_MS = 250;

export class PcpClient implements PortClient {
  private socket: Socket | undefined;
  private timer: NodeJS.Timeout | undefined;
  private tries = 0;
  private asking = true; // false: nothing is due before the renewal
  private outside: Address | null = null; // with NAT-PMP in a message of its own
  private externalPort = 0; // 0: not mapped yet
  private lifetimeS = 0;

  /** `nonce`: 12 bytes, the same for each mapping of this port (RFC 6887, section 11.1). */
  constructor(
    private readonly protocol: 'pcp' | 'nat-pmp',
    private readonly nonce: Uint8Array,
    private readonly options: PortClientOptions,
  ) {}

  start(): void {
    const { gateway, gatewayPort = PCP_PORT } = this.options;
    const socket = createSocket('udp4');
    this.socket = socket;
    // "Connection refused" above all: nobody there speaks this protocol. One that did before may
    // be starting anew, and has the time of all tries for it.
    socket.on('error', () => {
      if (this.externalPort === 0) this.fail();
    });
    socket.on('message', (bytes, from) => {
      if (from.address === gateway) this.take(new Uint8Array(bytes));
    });
    socket.on('connect', () => this.ask());
    socket.connect(gatewayPort, gateway);
  }

  async stop(giveBack: boolean): Promise<void> {
    clearTimeout(this.timer);
    if (giveBack && this.externalPort !== 0)
      await new Promise<void>((resolve) => this.send(this.request(0), () => resolve()));
    this.socket?.close();
    this.socket = undefined;
  }

  private ask(): void {
    if (this.socket === undefined) return;
    if (this.tries >= TRIES) {
      this.fail();
      return;
    }
    this.asking = true;
    this.send(this.request(LEASE_S));
    if (this.protocol === 'nat-pmp') this.send(pmpAddressRequest());
    this.arm(FIRST_TRY_MS * 2 ** this.tries++);
  }

  private request(lifetimeS: number): Uint8Array {
    const { port: internalPort, suggested } = this.options;
    // RFC 6886, section 3.4: no external port where a mapping ends.
    const isEnd = lifetimeS === 0 && this.protocol === 'nat-pmp';
    const externalPort = isEnd ? 0 : this.externalPort || suggested;
    const request = { internalPort, externalPort, lifetimeS };
    if (this.protocol === 'nat-pmp') return pmpRequest(request);
    return pcpRequest(request, this.socket?.address().address ?? '0.0.0.0', this.nonce);
  }

  private send(bytes: Uint8Array, done: () => void = () => {}): void {
    try {
      if (this.socket === undefined) done();
      else this.socket.send(bytes, () => done()); // an error: the timer goes on
    } catch {
      done(); // not connected yet, or no more
    }
  }

  private take(bytes: Uint8Array): void {
    const { port: internalPort } = this.options;
    const answer = readAnswer(bytes, { nonce: this.nonce, internalPort });
    // What nobody asked for is not heard: a router can make us work at our own pace only.
    if (answer === undefined || !this.asking) return;
    if (answer.kind === 'refused') this.fail();
    else if (answer.kind === 'address') this.outside = answer.address;
    else this.mapped(answer);
    if (this.lifetimeS === 0 || this.outside === null || this.socket === undefined) return;
    this.asking = false;
    this.tries = 0;
    this.arm(renewMs(this.lifetimeS));
    this.lifetimeS = 0;
    this.options.onMapped({ address: this.outside, port: this.externalPort });
  }

  private mapped(answer: Extract<PortAnswer, { kind: 'mapped' }>): void {
    if (answer.externalPort === 0 || answer.lifetimeS === 0) return; // no mapping at all
    this.externalPort = answer.externalPort;
    this.lifetimeS = answer.lifetimeS;
    if (answer.address !== null) this.outside = answer.address;
  }

  private fail(): void {
    if (this.socket === undefined) return;
    void this.stop(false);
    this.options.onFailed();
  }

  private arm(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), ms);
    this.timer.unref();
  }
}
