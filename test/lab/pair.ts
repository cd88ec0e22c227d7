// Two nodes over one link, the smallest lab of all: kith on one side, wireguard-go on the other.

import type { Lab } from './namespaces.js';
import { type Implementation, Node, type PeerOptions } from './node.js';

export type PairOptions = Readonly<{
  implementations?: readonly [Implementation, Implementation]; // of a and b
  outside?: 4 | 6;
  linkMtu?: number;
  mtu?: number; // inside
  presharedKey?: string;
  keepalive?: number;
  env?: Readonly<Record<string, string>>;
  /** Sides that know where the other one is; the rest waits to be called. */
  callers?: readonly ('a' | 'b')[];
}>;

export const INSIDE = {
  a: { ipv4: '10.66.0.1', ipv6: 'fd66::1' },
  b: { ipv4: '10.66.0.2', ipv6: 'fd66::2' },
} as const;

export const OUTSIDE = {
  a: { ipv4: '192.0.2.1', ipv6: '2001:db8::1' },
  b: { ipv4: '192.0.2.2', ipv6: '2001:db8::2' },
} as const;

/** Where side x listens, as `wg` writes it. */
export function endpointOf(side: 'a' | 'b', family: 4 | 6, port = 51820): string {
  const { ipv4, ipv6 } = OUTSIDE[side];
  return family === 4 ? `${ipv4}:${port}` : `[${ipv6}]:${port}`;
}

/** Namespaces a and b with a link, and a node in each; the interfaces of the link are va and vb. */
export async function startPair(
  lab: Lab,
  options: PairOptions = {},
): Promise<{ a: Node; b: Node }> {
  const { implementations = ['kith', 'wireguard-go'], linkMtu = 1500 } = options;
  for (const side of ['a', 'b']) await lab.namespace(side);
  const outside = (side: 'a' | 'b') => [`${OUTSIDE[side].ipv4}/24`, `${OUTSIDE[side].ipv6}/64`];
  const addresses = [outside('a'), outside('b')] as const;
  await lab.connect('a', 'b', { names: ['va', 'vb'], mtu: linkMtu, addresses });
  const start = (side: 'a' | 'b', implementation: Implementation) => {
    const inside = [`${INSIDE[side].ipv4}/24`, `${INSIDE[side].ipv6}/64`];
    const { mtu = 1420, env = {} } = options;
    return Node.start(lab, side, implementation, { addresses: inside, mtu, env });
  };
  const [a, b] = [await start('a', implementations[0]), await start('b', implementations[1])];
  await introduce(a, b, options);
  return { a, b };
}

async function introduce(a: Node, b: Node, options: PairOptions): Promise<void> {
  const { outside = 4, callers = ['a', 'b'], presharedKey, keepalive } = options;
  for (const [node, other, side] of [
    [a, b, 'b'],
    [b, a, 'a'],
  ] as const) {
    const knows = callers.includes(side === 'b' ? 'a' : 'b');
    const peer: PeerOptions = {
      allowedIps: [`${INSIDE[side].ipv4}/32`, `${INSIDE[side].ipv6}/128`],
      ...(knows && { endpoint: endpointOf(side, outside) }),
      ...(presharedKey !== undefined && { presharedKey }),
      ...(keepalive !== undefined && { keepalive }),
    };
    await node.peer(other, peer);
  }
}
