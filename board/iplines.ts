// Addresses and routes as lines for `ip -batch`, for every board alike.

import { family } from '../agent/bytes/address.js';
import type { Step } from './step.js';

export type LinkStep = Extract<Step, { kind: 'address' | 'route' }>;

export function ipLine(step: LinkStep): string {
  if (step.kind === 'address') {
    // Without `nodad` an IPv6 address is of no use for a second while the kernel looks for a twin.
    const rest = familyOf(step.address) === 6 ? ' nodad' : '';
    return `address replace ${step.address} dev ${step.device}${rest}`;
  }
  const { to, device, mtu, source } = step;
  const size = mtu === undefined ? '' : ` mtu ${mtu}`;
  const from = source === undefined ? '' : ` src ${source}`;
  // What is already there and not ours must not be replaced: with neither, it is an error.
  const verb = size + from === '' ? 'add' : 'replace';
  return `route ${verb} ${to} dev ${device}${size}${from}`;
}

export function ipUndoLine(step: LinkStep): string {
  return step.kind === 'address'
    ? `address del ${step.address} dev ${step.device}`
    : `route del ${step.to} dev ${step.device}`;
}

/** Of an address or a prefix, with or without its length. */
export function familyOf(text: string): 4 | 6 {
  return family(text.replace(/\/.*/, ''));
}
