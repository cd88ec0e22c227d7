// What a node makes of one core, and of all there are: both ends are confined by an affinity mask,
// the traffic's ends are not. The only scenario that pins anything.

import { Arena, SIDES } from '../arena.js';
import { CORES } from '../machine.js';
import { flow } from '../measure.js';
import { kithAuto } from '../rivals/wireguard.js';
import { bringUp } from '../round.js';
import { median } from '../statistics.js';

const ROUNDS = 3;
const SECONDS = 5;

export async function cores(say: (line: string) => void): Promise<void> {
  const masks: [string, Record<'a' | 'b', string>][] = [
    ['both ends on core 0', { a: '0', b: '0' }],
    ['one core each', { a: '0', b: '1' }],
    ['unconfined', { a: `0-${CORES - 1}`, b: `0-${CORES - 1}` }],
  ];
  const speeds = masks.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, [name, mask]] of masks.entries()) {
      say(`round ${round + 1} of ${ROUNDS}: ${name}`);
      const arena = await Arena.create('cores');
      try {
        await bringUp(arena, kithAuto);
        for (const side of SIDES) {
          for (const pid of arena.pids(side)) {
            await arena.lab.must(null, 'taskset', '--all-tasks', '-cp', mask[side], `${pid}`);
          }
        }
        const { bitsPerSecond } = await flow(arena, { streams: 4, seconds: SECONDS });
        speeds[index]?.push(bitsPerSecond / 1e6);
      } finally {
        await arena.dispose();
      }
    }
  }
  for (const [index, [name]] of masks.entries()) {
    console.log(`${name}: ${(median(speeds[index] ?? []) ?? 0).toFixed(0)} Mbit/s, 4 streams`);
  }
}
