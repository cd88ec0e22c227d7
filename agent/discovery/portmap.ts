// Keeps one UDP port of the router in front mapped to ours: PCP is asked first; where it is not
// known, NAT-PMP and UPnP at the same time, and the first that answers is kept. A router that is
// silent is asked again now and then, for it may have been restarted or exchanged.

import type { Address, Endpoint } from '../bytes/address.js';
import { defaultGateway, isOutside } from './gateway.js';
import { PcpClient } from './pcpclient.js';
import type { PortClient, PortClientOptions } from './portclient.js';
import { UpnpClient } from './upnp.js';

export type PortMappingOptions = Readonly<{
  port: number; // ours, UDP
  random: (bytes: number) => Uint8Array;
  /** Null: the mapping is gone. Told once for each change. */
  onMapping: (endpoint: Endpoint | null) => void;
  gateway?: () => Address | undefined; // a test has one of its own
  gatewayPort?: number; // for PCP and NAT-PMP
  ssdpPort?: number;
}>;

const SILENT_MS = 10 * 60_000; // then asked again

type Way = 'pcp' | 'nat-pmp' | 'upnp';

export class PortMapping {
  private readonly nonce: Uint8Array;
  private clients: PortClient[] = []; // those that ask, or the one that has been answered
  private isMapped = false;
  private suggested: number;
  private timer: NodeJS.Timeout | undefined;
  private told: Endpoint | null = null;
  private gateway: Address | undefined;

  constructor(private readonly options: PortMappingOptions) {
    this.nonce = options.random(12);
    this.suggested = options.port;
  }

  start(): void {
    this.begin();
  }

  /** Our way out has changed: there may be another router now. */
  moved(): void {
    this.begin();
  }

  /** Gives the port back, as far as the router still listens. */
  async stop(): Promise<void> {
    clearTimeout(this.timer);
    const clients = this.clients;
    this.clients = [];
    await Promise.all(clients.map((client) => client.stop(true)));
  }

  private begin(): void {
    clearTimeout(this.timer);
    const gateway = (this.options.gateway ?? defaultGateway)();
    if (gateway !== this.gateway) this.tell(null); // that one does not lead to us any more
    this.gateway = gateway;
    this.race([]); // ends what is still going on
    if (gateway === undefined) this.lose();
    else this.race(['pcp']);
  }

  private race(ways: readonly Way[]): void {
    for (const client of this.clients) void client.stop(false);
    this.isMapped = false;
    this.clients = ways.map((way) => this.client(way));
    for (const client of [...this.clients]) client.start();
  }

  private client(way: Way): PortClient {
    const { port, random, gatewayPort, ssdpPort } = this.options;
    const settings: PortClientOptions = {
      gateway: this.gateway ?? '',
      port,
      random,
      suggested: this.suggested,
      gatewayPort: way === 'upnp' ? ssdpPort : gatewayPort,
      onMapped: (endpoint) => this.mapped(client, endpoint),
      onFailed: () => this.failed(client, way),
    };
    const client =
      way === 'upnp' ? new UpnpClient(settings) : new PcpClient(way, this.nonce, settings);
    return client;
  }

  private mapped(client: PortClient, endpoint: Endpoint): void {
    if (!this.clients.includes(client)) return;
    for (const other of this.clients) if (other !== client) void other.stop(false);
    this.clients = [client];
    this.isMapped = true;
    this.suggested = endpoint.port;
    // Behind another NAT the mapping helps nobody outside; it is kept, for that may change.
    this.tell(isOutside(endpoint.address) ? endpoint : null);
  }

  private failed(client: PortClient, way: Way): void {
    if (!this.clients.includes(client)) return;
    this.clients = this.clients.filter((other) => other !== client);
    if (this.clients.length > 0) return;
    if (this.isMapped)
      this.begin(); // not renewed: all from the start
    else if (way === 'pcp') this.race(['nat-pmp', 'upnp']);
    else this.lose();
  }

  private tell(endpoint: Endpoint | null): void {
    const { told } = this;
    if (endpoint?.address === told?.address && endpoint?.port === told?.port) return;
    this.told = endpoint;
    this.options.onMapping(endpoint);
  }

  private lose(): void {
    this.tell(null);
    this.suggested = this.options.port;
    this.timer = setTimeout(() => this.begin(), SILENT_MS);
    this.timer.unref();
  }
}
