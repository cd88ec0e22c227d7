// Which peer an inner address belongs to: a small cache before the trie, which lies in memory that
// only JavaScript sees. Direct-mapped; a change of routes makes every entry stale at once.

import { ROUTE_BYTES, ROUTES, ROUTES_MAX } from '../layout';

/** Looks the address (4 or 16 bytes, network order) up in the trie; -1: nobody's. */
// @ts-ignore: decorator
@external('env', 'route')
declare function lookup(address: usize, v6: bool): i32;

let generation: u32 = 1;

/** Forgets all. A generation is 31 bits wide: at a change per millisecond it lasts 24 days... */
export function routesChanged(): void {
  generation = (generation + 1) & 0x7fffffff;
  // ...and then entries of old might look fresh again.
  if (generation == 0) {
    memory.fill(ROUTES, 0, ROUTES_MAX * ROUTE_BYTES);
    generation = 1;
  }
}

export function route(address: usize, v6: bool): i32 {
  const low = v6 ? load<u64>(address) : load<u32>(address);
  const high = v6 ? load<u64>(address, 8) : 0;
  const hash = (low ^ ((high << 23) | (high >> 41))) * 0x9e3779b97f4a7c15;
  const entry = <usize>ROUTES + <usize>(hash >> 52) * ROUTE_BYTES; // ROUTES_MAX is 2^12
  const stamp = (generation << 1) | u32(v6);
  const hit = load<u64>(entry) == low && load<u64>(entry, 8) == high;
  if (hit && load<u32>(entry, 16) == stamp) return load<i32>(entry, 20);
  const peer = lookup(address, v6);
  store<u64>(entry, low);
  store<u64>(entry, high, 8);
  store<u32>(entry, stamp, 16);
  store<i32>(entry, peer, 20);
  return peer;
}
