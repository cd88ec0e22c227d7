// Where a datagram of the batch came from, as wasm notes it (layout.ts).

import { LEG_BYTES, LEGS, WHERE_LEG } from './layout.js';
import type { Memory } from './memory.js';

/** The number of the message that brought it. */
export function messageAt(where: number): number {
  return where & ((1 << WHERE_LEG) - 1);
}

/** The relay channel it came through, 0: none. */
export function channelAt({ words }: Memory, where: number): number {
  const leg = where >>> WHERE_LEG;
  return leg === 0 ? 0 : (words[(LEGS + (leg - 1) * LEG_BYTES) >> 2] ?? 0);
}
