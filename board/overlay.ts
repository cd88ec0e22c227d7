// The overlay's addresses and routes on the tunnel's interface. Like all of link.ts they go with
// the interface when its process ends.

import { family, formatPrefix, type Prefix } from '../agent/bytes/address.js';
import { type Ip, runIp } from './link.js';

/** IPv6's least (RFC 8200, section 5): what every path carries until a larger size is proven. */
export const OVERLAY_MTU = 1280;

export type Overlay = Readonly<{
  addresses: readonly Prefix[]; // ours, hosts
  routes: readonly Prefix[]; // all that lies in the mesh
}>;

/** From one state to the next; what fails is remarked on and left. */
export async function changeOverlay(
  name: string,
  before: Overlay,
  after: Overlay,
  ip: Ip = runIp,
): Promise<string[]> {
  // With an address the kernel drops the routes that name it as their source.
  const gone = missing(before.addresses, after.addresses);
  const kept = gone.length === 0 ? before.routes : [];
  const lines = [
    ...missing(before.routes, after.routes).map((prefix) => `route del ${prefix} dev ${name}`),
    ...gone.map((one) => `address del ${one} dev ${name}`),
    ...missing(after.addresses, before.addresses).map((one) => addressLine(one, name)),
    ...missing(after.routes, kept).map((prefix) =>
      routeLine(prefix, name, OVERLAY_MTU, after.addresses),
    ),
  ];
  return lines.length === 0 ? [] : remarks(await ip(lines));
}

/** Larger packets than OVERLAY_MTU pass to these addresses; or no more. */
export async function setOverlayMtu(
  name: string,
  addresses: readonly Prefix[],
  mtu: number,
  ours: readonly Prefix[],
  ip: Ip = runIp,
): Promise<string[]> {
  const lines = addresses.map((address) =>
    mtu > OVERLAY_MTU
      ? routeLine(formatPrefix(address), name, mtu, ours)
      : `route del ${formatPrefix(address)} dev ${name}`,
  );
  return lines.length === 0 ? [] : remarks(await ip(lines));
}

/** The source is said: the kernel would take the interface's first address, which is another. */
function routeLine(prefix: string, name: string, mtu: number, ours: readonly Prefix[]): string {
  const wanted = familyOf(prefix);
  const source = ours.find(({ address }) => family(address) === wanted)?.address;
  const rest = source === undefined ? '' : ` src ${source}`;
  return `route replace ${prefix} dev ${name} mtu ${mtu}${rest}`;
}

function familyOf(prefix: string): 4 | 6 {
  return family(prefix.replace(/\/.*/, ''));
}

function addressLine(address: string, name: string): string {
  // Without `nodad` an IPv6 address is of no use for a second while the kernel looks for a twin.
  const rest = familyOf(address) === 6 ? ' nodad' : '';
  return `address replace ${address} dev ${name}${rest}`;
}

function missing(of: readonly Prefix[], from: readonly Prefix[]): string[] {
  const there = new Set(from.map(formatPrefix));
  return of.map(formatPrefix).filter((prefix) => !there.has(prefix));
}

function remarks(answers: Awaited<ReturnType<Ip>>): string[] {
  return answers.flatMap(({ line, error }) =>
    error === undefined ? [] : [`\`ip ${line}\` failed: ${error}`],
  );
}
