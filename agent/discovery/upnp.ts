// One router, asked for a port by UPnP (Internet Gateway Device, WANIPConnection:1): search,
// description, then calls to the service which maps ports.

import { createSocket } from 'node:dgram';
import { type Address, family, parseAddress } from '../bytes/address.js';
import { exchange, gatewayUrl } from './gatewayhttp.js';
import {
  CONFLICT,
  PERMANENT_ONLY,
  type Reply,
  readDescription,
  readReply,
  SAME_PORTS_ONLY,
  writeCall,
} from './igd.js';
import { LEASE_S, type PortClient, type PortClientOptions, renewMs } from './portclient.js';
import { findGateway } from './ssdp.js';

const ADD_TRIES = 4; // other ports and permanent leases among them
const GIVE_BACK_MS = 1_000; // the program wants to end

type Door = Readonly<{ type: string; url: URL }>;
type Mapping = Readonly<{ door: Door; local: Address; externalPort: number }>;

export class UpnpClient implements PortClient {
  private readonly ending = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private mapping: Mapping | undefined;

  constructor(private readonly options: PortClientOptions) {}

  start(): void {
    void this.ask();
  }

  async stop(giveBack: boolean): Promise<void> {
    if (this.ending.signal.aborted) return;
    clearTimeout(this.timer);
    this.ending.abort();
    if (!giveBack || !this.mapping) return;
    const { door, externalPort } = this.mapping;
    const values = { NewRemoteHost: '', NewExternalPort: externalPort, NewProtocol: 'UDP' };
    await call(door, 'DeletePortMapping', values, { deadlineMs: GIVE_BACK_MS });
  }

  /** The whole way each time: between two renewals a router may have been exchanged. */
  private async ask(): Promise<void> {
    const { signal } = this.ending;
    const { gateway, gatewayPort: port } = this.options;
    const local = await localAddress(gateway);
    const location =
      local && (await findGateway({ gateway, local, ...(port && { port }), signal }));
    const doors = location ? await this.doors(location) : [];
    for (const door of doors) {
      const address = await this.outside(door);
      const mapping = address && local && (await this.add(door, local));
      if (signal.aborted) return;
      if (!mapping) continue;
      this.mapping = mapping;
      this.timer = setTimeout(() => void this.ask(), renewMs(LEASE_S));
      this.timer.unref();
      this.options.onMapped({ address, port: mapping.externalPort });
      return;
    }
    if (signal.aborted) return;
    void this.stop(false);
    this.options.onFailed();
  }

  private async doors(location: URL): Promise<Door[]> {
    const { gateway } = this.options;
    const { signal } = this.ending;
    const described = await exchange({ url: location, method: 'GET', signal });
    if (described?.status !== 200) return []; // a redirection among others
    return readDescription(described.text).flatMap(({ type, control, base }) => {
      const from = base === undefined ? location : gatewayUrl(base, gateway);
      const url = from && gatewayUrl(control, gateway, from);
      return url ? [{ type, url }] : [];
    });
  }

  /** The router's address outside. A line that is down has none, and another service is asked. */
  private async outside(door: Door): Promise<Address | undefined> {
    const reply = await call(door, 'GetExternalIPAddress', {}, { signal: this.ending.signal });
    if (reply?.kind !== 'done') return undefined;
    const address = parseAddress(reply.value('NewExternalIPAddress') ?? '');
    return address === undefined || family(address) === 6 || address === '0.0.0.0'
      ? undefined
      : address;
  }

  private async add(door: Door, local: Address): Promise<Mapping | undefined> {
    const { port, suggested, random } = this.options;
    let externalPort = this.mapping?.externalPort ?? suggested;
    let leaseS = LEASE_S;
    for (let tries = 0; tries < ADD_TRIES; tries++) {
      const values = {
        NewRemoteHost: '',
        NewExternalPort: externalPort,
        NewProtocol: 'UDP',
        NewInternalPort: port,
        NewInternalClient: local,
        NewEnabled: 1,
        NewPortMappingDescription: 'kith',
        NewLeaseDuration: leaseS,
      };
      const reply = await call(door, 'AddPortMapping', values, { signal: this.ending.signal });
      if (reply === undefined) return undefined;
      if (reply.kind === 'done') return { door, local, externalPort };
      if (reply.code === PERMANENT_ONLY) leaseS = 0;
      else if (reply.code === SAME_PORTS_ONLY && externalPort !== port) externalPort = port;
      else if (reply.code === CONFLICT) externalPort = dynamicPort(random(2));
      else return undefined;
    }
    return undefined;
  }
}

async function call(
  { type, url }: Door,
  action: string,
  values: Readonly<Record<string, string | number>>,
  limits: Readonly<{ signal?: AbortSignal; deadlineMs?: number }>,
): Promise<Reply | undefined> {
  if (limits.signal?.aborted) return undefined;
  const answer = await exchange({
    url,
    method: 'POST',
    ...writeCall(type, action, values),
    ...limits,
  });
  // 500 comes with the error code (UPnP Device Architecture 1.1, section 3.2.2)
  if (answer?.status !== 200 && answer?.status !== 500) return undefined;
  return readReply(answer.text, action);
}

/** One of the dynamic ports (RFC 6335, section 6). */
function dynamicPort(bytes: Uint8Array): number {
  return 49_152 + ((((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)) & 0x3fff);
}

/** Ours on the interface towards the gateway; nothing is sent. */
function localAddress(gateway: Address): Promise<Address | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (address?: Address) => {
      socket.close();
      resolve(address);
    };
    socket.once('error', () => end());
    socket.once('connect', () => end(socket.address().address));
    socket.connect(9, gateway);
  });
}
