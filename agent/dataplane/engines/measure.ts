// How long engines take for a packet, in nanoseconds.

import { Descriptors } from './descriptors.js';
import {
  AUTHENTIC,
  type Engine,
  type EngineName,
  KEY_BYTES,
  PENDING,
  SESSIONS_MAX,
  TAG_BYTES,
} from './engine.js';
import { type Bench, ROOM_BYTES, ROOM_DESCRIPTORS } from './selftest.js';

/** Nanoseconds for one packet with this many bytes of text, in a batch, at best. */
export type Measurement = Readonly<{
  engine: EngineName;
  bytes: number;
  sealNanoseconds: number;
  openNanoseconds: number;
}>;

/** The longest text that may be measured. */
export const MEASURE_BYTES_MAX =
  Math.floor((ROOM_BYTES - KEY_BYTES) / ROOM_DESCRIPTORS) - TAG_BYTES - 16;

/**
 * Measures each engine at each size. Engines take turns, so that a disturbance meets them alike,
 * and the best of `rounds` counts. `now` is a clock in milliseconds, with fractions.
 */
export function measure(
  engines: readonly Engine[],
  sizes: readonly number[],
  options: Readonly<{ bench: Bench; now: () => number; rounds: number; repeats: number }>,
): Measurement[] {
  const results: Measurement[] = [];
  for (const bytes of sizes) {
    layOut(options.bench, bytes);
    const best = engines.map(() => ({ seal: Infinity, open: Infinity }));
    for (let round = 0; round < options.rounds; round++) {
      for (const [i, engine] of engines.entries()) {
        const took = timeOnce(engine, options);
        const record = best[i];
        if (record === undefined) continue;
        record.seal = Math.min(record.seal, took.seal);
        record.open = Math.min(record.open, took.open);
      }
    }
    for (const [i, { name: engine }] of engines.entries()) {
      const { seal = NaN, open = NaN } = best[i] ?? {};
      results.push({ engine, bytes, sealNanoseconds: seal, openNanoseconds: open });
    }
  }
  return results;
}

type Options = Parameters<typeof measure>[2];

/** Seals the packets and opens them again, `repeats` times. */
function timeOnce(
  engine: Engine,
  { bench, now, repeats }: Options,
): { seal: number; open: number } {
  const packets = new Descriptors(bench.table);
  let sealing = 0;
  let opening = 0;
  for (let i = 0; i < repeats; i++) {
    for (let p = 0; p < ROOM_DESCRIPTORS; p++) packets.setState(p, PENDING);
    const started = now();
    const sealed = engine.seal(0, ROOM_DESCRIPTORS);
    const between = now();
    const opened = engine.open(0, ROOM_DESCRIPTORS);
    opening += now() - between;
    sealing += between - started;
    for (let p = 0; p < ROOM_DESCRIPTORS; p++) {
      if (sealed && opened && packets.state(p) === AUTHENTIC) continue;
      throw new Error(`${engine.name} does not open what it sealed`);
    }
  }
  const scale = 1e6 / (repeats * ROOM_DESCRIPTORS); // milliseconds in all to nanoseconds each
  return { seal: sealing * scale, open: opening * scale };
}

function layOut({ table, room }: Bench, length: number): void {
  if (length > MEASURE_BYTES_MAX) throw new RangeError(`bytes: ${length} > ${MEASURE_BYTES_MAX}`);
  const packets = new Descriptors(table);
  const stride = (length + TAG_BYTES + 15) & ~15;
  packets.bytes.fill(7, room, room + ROOM_BYTES);
  for (let p = 0; p < ROOM_DESCRIPTORS; p++) {
    const text = room + KEY_BYTES + p * stride;
    const session = p % SESSIONS_MAX;
    packets.write(p, { text, length, key: room, counter: BigInt(p + 1), session });
  }
}
