// When two places are one.

import type { Place } from '../bytes/address.js';

/** Whether datagrams come from, or go to, the same end the same way; our own address aside. */
export function sameEnd(a: Place | null, b: Place | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.slot === b.slot &&
    a.channel === b.channel &&
    a.endpoint.port === b.endpoint.port &&
    a.endpoint.address === b.endpoint.address
  );
}

export function samePlace(a: Place | null, b: Place | null): boolean {
  return (
    sameEnd(a, b) &&
    a?.source?.address === b?.source?.address &&
    a?.source?.interfaceIndex === b?.source?.interfaceIndex
  );
}
