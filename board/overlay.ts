// The overlay's addresses and routes on the tunnel's interface. Like all of link.ts they go with
// the interface when its process ends.

import { formatPrefix, type Prefix } from '../agent/bytes/address.js';
import { familyOf, ipLine, ipUndoLine, type LinkStep } from './iplines.js';
import { type Ip, remarks, runIp } from './link.js';

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
  const was = overlaySteps(name, before);
  const is = overlaySteps(name, after);
  const gone = without(was.addresses, is.addresses);
  // With an address the kernel drops the routes that name it as their source.
  const kept = gone.length === 0 ? was.routes : [];
  const lines = [
    ...without(was.routes, is.routes, destination).map(ipUndoLine),
    ...gone.map(ipUndoLine),
    ...without(is.addresses, was.addresses).map(ipLine),
    ...without(is.routes, kept, destination).map(ipLine),
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
  const lines = addresses
    .map((address) => routeStep(address, name, mtu, ours))
    .map(mtu > OVERLAY_MTU ? ipLine : ipUndoLine);
  return lines.length === 0 ? [] : remarks(await ip(lines));
}

/** What makes an overlay, addresses before the routes that name them. */
export function overlaySteps(
  device: string,
  { addresses, routes }: Overlay,
): { addresses: LinkStep[]; routes: LinkStep[] } {
  return {
    addresses: addresses.map((one) => ({ kind: 'address', device, address: formatPrefix(one) })),
    routes: routes.map((one) => routeStep(one, device, OVERLAY_MTU, addresses)),
  };
}

/** The source is said: the kernel would take the interface's first address, which is another. */
function routeStep(prefix: Prefix, device: string, mtu: number, ours: readonly Prefix[]): LinkStep {
  const to = formatPrefix(prefix);
  const source = ours.find(({ address }) => familyOf(address) === familyOf(to))?.address;
  return { kind: 'route', device, to, mtu, source };
}

function without(
  of: readonly LinkStep[],
  from: readonly LinkStep[],
  key: (step: LinkStep) => string = ipLine,
): LinkStep[] {
  const there = new Set(from.map(key));
  return of.filter((step) => !there.has(key(step)));
}

function destination(step: LinkStep): string {
  return step.kind === 'route' ? step.to : step.address;
}
