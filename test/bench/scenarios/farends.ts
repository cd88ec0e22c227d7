// Many peers in one process: each its own key and WireGuard machine, all of them over one plane of
// ours. A hundred processes on the two cores of the node that is measured would measure those.
//
// A plane knows one identity, so handshakes go over a socket of each machine's own; from the first
// packet on, the node follows its peers to the port of the plane.
//
//   farends.ts JSON      see FarEnds; "up" on standard output once all have sessions

import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { SLOT_IPV4 } from '../../../agent/dataplane/orders.js';
import { Plane } from '../../../agent/dataplane/plane.js';
import { Driver } from '../../../agent/driver.js';
import { Device } from '../../../agent/wireguard/device.js';
import type { PlaneEvent, PlaneOrder } from '../../../agent/wireguard/orders.js';

export type FarEnds = Readonly<{
  interfaceName: string;
  port: number; // of all of them
  node: Readonly<{ publicKey: string; address: string; port: number }>; // base64
  /** The peer's key, base64, and the address of the node that it is to have to itself. */
  peers: readonly Readonly<{ privateKey: string; nodeAddress: string }>[];
}>;

/** This file, to be run by itself. */
export const FAR_ENDS = new URL(import.meta.url).pathname;

const SESSIONS_EACH = 16; // machine i has the plane's sessions from 16 i on
const KEEPALIVE_S = 25;

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));

class FarEnd {
  private readonly driver: Driver;
  private readonly socket = createSocket('udp4');
  private readonly device: Device;
  private begun = 0;

  constructor(
    private readonly plane: Plane,
    private readonly index: number,
    private readonly onSession: () => void,
  ) {
    const device = new Device({
      random: (count) => new Uint8Array(randomBytes(count)),
      traffic: () => plane.traffic(index),
      slotFor: () => SLOT_IPV4,
      ceiling: undefined,
    });
    const ours = {
      now: () => plane.now(),
      order: (order: PlaneOrder) => this.order(order),
      handshakesWaiting: () => 0,
      routes: { removePeer() {} },
    };
    this.driver = new Driver({ device, plane: ours, saveCeiling() {}, onOther() {} });
    this.device = device;
    this.socket.on('message', (message, { address, port }) => {
      const from = { slot: SLOT_IPV4, endpoint: { address, port }, source: null, channel: 0 };
      const datagram = new Uint8Array(message);
      this.driver.onEvent({ kind: 'handshake', datagram, from, check: 'mac1' });
    });
  }

  start(privateKey: Uint8Array, { node }: FarEnds): void {
    const { device, driver, plane } = this;
    const { address, port } = node;
    driver.perform(device.setPrivateKey(privateKey));
    driver.perform(device.up(plane.now(), Date.now()));
    const added = device.addPeer(bytes(node.publicKey));
    if (!added) throw new Error('the key of the node is ours');
    driver.perform(added.effects);
    driver.perform(device.setEndpoint(added.peer, { address, port }, plane.now(), Date.now()));
    driver.perform(device.setKeepalive(added.peer, KEEPALIVE_S, plane.now(), Date.now()));
  }

  /** What the plane tells of row `index` or of our sessions. */
  onEvent(event: PlaneEvent): void {
    if ('peer' in event) this.driver.onEvent({ ...event, peer: 0 });
    else if ('session' in event) {
      this.driver.onEvent({ ...event, session: event.session % SESSIONS_EACH });
    }
  }

  private order(order: PlaneOrder): void {
    const { plane, index } = this;
    const numbered = (session: number) => session + SESSIONS_EACH * index;
    switch (order.kind) {
      case 'send': {
        const { address, port } = order.to.endpoint;
        this.socket.send(order.datagram, port, address);
        return;
      }
      case 'identity':
        return;
      case 'begin': {
        const { session } = order;
        plane.order({
          kind: 'begin',
          session: { ...session, id: numbered(session.id), peer: index },
        });
        if (this.begun++ === 0) this.onSession();
        return;
      }
      case 'use': {
        const session = order.session === null ? null : numbered(order.session);
        plane.order({ ...order, peer: index, session });
        return;
      }
      case 'end':
        plane.order({ ...order, session: numbered(order.session) });
        return;
      default:
        plane.order('peer' in order ? { ...order, peer: index } : order);
    }
  }
}

async function run(all: FarEnds): Promise<void> {
  const ends: FarEnd[] = [];
  const plane = new Plane({
    interfaceName: all.interfaceName,
    mtu: 1_420,
    workers: 1,
    cipher: 'auto',
    offloads: { tunSegmentation: true, udpSegmentation: true, udpReceive: true },
    onEvent(event) {
      if (event.kind === 'gone') process.exit(0);
      if ('peer' in event) ends[event.peer]?.onEvent(event);
      else if ('session' in event) ends[Math.floor(event.session / SESSIONS_EACH)]?.onEvent(event);
    },
  });
  await plane.start();
  await plane.ready();
  plane.openSlot(SLOT_IPV4, { family: 4, port: all.port, fwmark: 0 });
  let up = 0;
  for (const [index, { privateKey, nodeAddress }] of all.peers.entries()) {
    const end = new FarEnd(plane, index, () => {
      if (++up === all.peers.length) console.log('up');
    });
    ends.push(end);
    end.start(bytes(privateKey), all);
    plane.routes.add({ address: nodeAddress, length: 32 }, index);
  }
}

const [, script, argument] = process.argv;
if (script === FAR_ENDS && argument !== undefined) await run(JSON.parse(argument) as FarEnds);
