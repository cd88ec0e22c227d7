// Planes in namespaces, driven from a test; and two of them joined, with session keys that no
// handshake made.

import type { PlaneEvent, PlaneOrder } from '../../agent/dataplane/orders.js';
import type { PlaneCounters, PlaneOptions } from '../../agent/dataplane/plane.js';
import type { Traffic } from '../../agent/wireguard/effects.js';
import type { Daemon } from '../lab/daemon.js';
import { Lab } from '../lab/namespaces.js';

const NODE = new URL('./planenode.ts', import.meta.url).pathname;
const ANSWER_MS = 15_000;

export type NodeOptions = Partial<Omit<PlaneOptions, 'onEvent' | 'offloads'>> &
  Readonly<{ offloads?: Partial<PlaneOptions['offloads']> }>;

export class PlaneNode {
  readonly events: PlaneEvent[] = [];
  ready = { name: '', ms: 0 };
  private readonly answers = new Map<
    number,
    { result?: unknown; error?: string; errno?: number }
  >();
  private read = 0;
  private next = 1;

  private constructor(
    readonly lab: Lab,
    readonly label: string,
    readonly daemon: Daemon,
  ) {}

  static async start(lab: Lab, label: string, options: NodeOptions = {}): Promise<PlaneNode> {
    const all = { interfaceName: 'kt0', mtu: 1420, workers: 1, cipher: 'simd', ...options };
    const offloads = { tunSegmentation: true, udpSegmentation: true, udpReceive: true };
    const argument = JSON.stringify({ ...all, offloads: { ...offloads, ...options.offloads } });
    const daemon = lab.spawn(label, process.execPath, '--import', 'tsx', NODE, argument);
    const node = new PlaneNode(lab, label, daemon);
    await lab.waitFor(
      () => node.poll() && (node.ready.name || !daemon.running),
      ANSWER_MS,
      'plane',
    );
    if (!node.ready.name) throw new Error(daemon.log);
    return node;
  }

  async ask(what: string, ...args: unknown[]): Promise<unknown> {
    const id = this.next++;
    this.daemon.write(`${JSON.stringify({ id, what, args }, encode)}\n`);
    await this.lab.waitFor(
      () => this.poll() && this.answers.has(id),
      ANSWER_MS,
      `answer to ${what}`,
    );
    const { result, error, errno } = this.answers.get(id) ?? {};
    if (error !== undefined) throw Object.assign(new Error(error), { errno });
    return result;
  }

  orders(...orders: PlaneOrder[]): Promise<unknown> {
    return this.ask('orders', orders);
  }

  async counters(): Promise<PlaneCounters> {
    return (await this.ask('counters')) as PlaneCounters;
  }

  async traffic(peer = 0): Promise<Traffic> {
    return (await this.ask('traffic', peer)) as Traffic;
  }

  /** The first event of this kind, waited for. */
  async event<K extends PlaneEvent['kind']>(kind: K): Promise<Extract<PlaneEvent, { kind: K }>> {
    const found = () => this.poll() && this.events.find((event) => event.kind === kind);
    const event = await this.lab.waitFor(found, ANSWER_MS, `event ${kind}`);
    return event as Extract<PlaneEvent, { kind: K }>;
  }

  kinds(): string[] {
    this.poll();
    return this.events.map(({ kind }) => kind);
  }

  /** Reads what came on standard output since. */
  private poll(): true {
    const { stdout } = this.daemon;
    for (
      let end = stdout.indexOf('\n', this.read);
      end >= 0;
      end = stdout.indexOf('\n', this.read)
    ) {
      const message = JSON.parse(stdout.slice(this.read, end), decode);
      this.read = end + 1;
      if (message.event) this.events.push(message.event);
      else if (message.ready) this.ready = { name: message.ready, ms: message.ms };
      else if (message.id) this.answers.set(message.id, message);
    }
    return true;
  }
}

export const key = (number: number) => new Uint8Array(32).fill(number);

/** Orders that give peer `peer` a session of number `session` whose two ends are sides 0 and 1. */
export function sessionOrders(side: 0 | 1, peer: number, session: number): PlaneOrder[] {
  const never = Number.POSITIVE_INFINITY;
  return [
    {
      kind: 'begin',
      session: {
        id: session,
        peer,
        localIndex: 1_000 * (side + 1) + session,
        remoteIndex: 1_000 * (2 - side) + session,
        sendKey: key(1 + side + 2 * session),
        receiveKey: key(2 - side + 2 * session),
        rejectAt: never,
        renewSendAt: never,
        renewReceiveAt: never,
      },
    },
    { kind: 'use', peer, session },
  ];
}

export type Pair = Readonly<{ lab: Lab; a: PlaneNode; b: PlaneNode }>;

export const OUTSIDE = { 4: ['10.9.0.1', '10.9.0.2'], 6: ['fd09::1', 'fd09::2'] } as const;
export const INSIDE = { 4: ['10.7.0.1', '10.7.0.2'], 6: ['fd07::1', 'fd07::2'] } as const;

/** Two nodes joined by a veth pair, each with the other as peer 0 with a session. */
export async function withPair(
  name: string,
  options: { outside?: 4 | 6; a?: NodeOptions; b?: NodeOptions; veth?: number; peer?: boolean },
  use: (pair: Pair) => Promise<void>,
): Promise<void> {
  const lab = await Lab.create(name);
  try {
    await lab.namespace('a');
    await lab.namespace('b');
    const addresses = [
      ['10.9.0.1/24', 'fd09::1/64'],
      ['10.9.0.2/24', 'fd09::2/64'],
    ] as const;
    await lab.connect('a', 'b', { addresses, mtu: options.veth ?? 1500 });
    const [a, b] = await Promise.all([
      PlaneNode.start(lab, 'a', options.a),
      PlaneNode.start(lab, 'b', options.b),
    ]);
    for (const [side, node] of [a, b].entries()) await join(node, side as 0 | 1, options);
    await use({ lab, a, b });
    for (const node of [a, b]) {
      if (node.daemon.running) await node.ask('stop');
    }
  } finally {
    await lab.dispose();
  }
}

async function join(node: PlaneNode, side: 0 | 1, options: { outside?: 4 | 6; peer?: boolean }) {
  const outside = options.outside ?? 4;
  const slot = outside === 4 ? 0 : 1;
  const { lab, label } = node;
  for (const address of [`${INSIDE[4][side]}/24`, `${INSIDE[6][side]}/64`]) {
    await lab.address(label, node.ready.name, address);
  }
  await lab.must(label, 'ip', 'link', 'set', node.ready.name, 'up');
  await node.ask('open', slot, { family: outside, port: 51_820, fwmark: 0 });
  await node.ask('route', INSIDE[4][1 - side], 32, 0);
  await node.ask('route', INSIDE[6][1 - side], 128, 0);
  const endpoint = { address: OUTSIDE[outside][1 - side] ?? '', port: 51_820 };
  await node.orders(
    { kind: 'peer', peer: 0, roams: true },
    { kind: 'place', peer: 0, place: { slot, endpoint, source: null, channel: 0 } },
    ...(options.peer === false ? [] : sessionOrders(side, 0, 0)),
  );
}

export async function ping(
  lab: Lab,
  label: string,
  to: string,
  ...more: string[]
): Promise<boolean> {
  return (await lab.run(label, 'ping', '-c3', '-i0.1', '-W3', ...more, to)).code === 0;
}

/** Megabytes of TCP from a to b; the Mbit/s that arrived. */
export async function tcp(
  { lab }: Pick<Pair, 'lab'>,
  megabytes: number,
  v6 = false,
): Promise<number> {
  const to = INSIDE[v6 ? 6 : 4][1];
  const server = lab.spawn('b', 'iperf3', '-s', '-1', '-B', to);
  const listens = async () => (await lab.run('b', 'ss', '-Htln', 'sport = 5201')).stdout !== '';
  await lab.waitFor(listens, 5_000, 'iperf3');
  const client = ['iperf3', '-J', '-C', 'cubic', '-n', `${megabytes}M`, '-c', to];
  const report = JSON.parse(await lab.must('a', ...client));
  await server.exited;
  return report.end.sum_received.bits_per_second / 1e6;
}

function encode(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString('hex') };
  return value === Number.POSITIVE_INFINITY ? 'Infinity' : value;
}

function decode(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('hex' in value)) return value;
  return new Uint8Array(Buffer.from(String(value.hex), 'hex'));
}
