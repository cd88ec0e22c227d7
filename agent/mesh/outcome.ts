// What the workers and the store are told of one peer's paths: only what has changed.

import type { Place } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Choice } from './choice.js';
import type { MeshEffect } from './effects.js';
import { keyOf, MTU_FLOOR } from './route.js';

export class Outcome {
  private place: Place | null = null;
  private second: Place | null = null;
  private mtu = MTU_FLOOR;
  private remembered = '';

  constructor(private readonly node: NodeId) {}

  tell(choice: Choice, second: Place | null, out: MeshEffect[]): void {
    const { node } = this;
    const { place, current } = choice;
    if (!isSame(place, this.place) || !isSame(second, this.second)) {
      this.place = place;
      this.second = second;
      out.push({ kind: 'place', node, place, second });
    }
    if (current === null) return;
    if (current.mtu !== this.mtu) {
      this.mtu = current.mtu;
      out.push({ kind: 'mtu', node, mtu: current.mtu });
    }
    if (current.proven && current.via === null && current.key !== this.remembered) {
      this.remembered = current.key;
      if (current.place.slot <= 1) {
        out.push({ kind: 'remember', node, endpoint: current.place.endpoint });
      }
    }
  }
}

function isSame(a: Place | null, b: Place | null): boolean {
  if (a === null || b === null) return a === b;
  if (keyOf(a) !== keyOf(b)) return false;
  return (
    a.source?.address === b.source?.address && a.source?.interfaceIndex === b.source?.interfaceIndex
  );
}
