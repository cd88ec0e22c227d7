// Runs simulations by hand or at night:
//
//   npm run sim seeds 1 10000                      everything at once (storm.ts), these seeds
//   npm run sim storm 17 1                         scenario, first seed, how many
//   npm run sim faults 17 1 30                     … minutes of trouble
//   npm run sim thousands 1 1 30 10000             … minutes and nodes
//   npm run sim thousands 1 1 30 60 detail         … and what an idle node's bytes are
//
// A seed that fails is printed with what came before, and with the command that shows it again; the
// same seed fails in the same way. With real cryptography: KITH_SIM_REAL=1 npm run sim …

import { faults, lies, meeting, moving, revocation, type Told } from './scenarios.js';
import { storm } from './storm.js';
import { thousands } from './thousands.js';
import { Violation } from './world.js';

const [name = 'seeds', first = '1', count = '1', minutes, nodes, detail] = process.argv.slice(2);
const scenarios: Record<string, (seed: number) => Told> = {
  meeting,
  moving,
  revocation,
  lies,
  storm,
  faults: (seed) => faults(seed, minutes === undefined ? undefined : Number(minutes)),
  thousands: (seed) =>
    thousands(seed, Number(nodes ?? 1_000), Number(minutes ?? 30), detail === 'detail'),
};
const TOLD_MS = 10_000; // how often many seeds say how far they are

/** Whether the seed passed. */
function run(which: string, seed: number, quiet: boolean): boolean {
  const scenario = scenarios[which];
  if (scenario === undefined)
    throw new RangeError(`one of seeds, ${Object.keys(scenarios).join(', ')}`);
  const began = performance.now();
  try {
    const { events, delivered, virtualMs, log } = scenario(seed);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const what = `${Math.round(virtualMs / 1000)} s in ${seconds} s, ${events} events`;
    if (!quiet) console.log(`seed ${seed}: ${what}, ${delivered} packets, log ${log}`);
    return true;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    console.log(`${error.message}\n  ${error.trace.slice(-30).join('\n  ')}`);
    const rest = process.argv.slice(5).join(' ');
    console.log(`again: npm run sim ${which} ${seed} 1 ${rest}`.trimEnd());
    return false;
  }
}

/** Says now and then how far it is; the last line is the sum. */
function runMany(which: string, from: number, to: number, quiet: boolean): number {
  let failed = 0;
  let told = performance.now();
  for (let seed = from; seed <= to; seed++) {
    if (!run(which, seed, quiet)) failed++;
    if (!quiet || performance.now() < told + TOLD_MS) continue;
    told = performance.now();
    console.log(`seed ${seed} of ${to}, ${failed} failed`);
  }
  console.log(`${failed} of ${to - from + 1} failed`);
  return failed;
}

const many = name === 'seeds';
const from = Number(first);
const to = many ? Math.max(from, Number(count)) : from + Number(count) - 1;
process.exitCode = runMany(many ? 'storm' : name, from, to, many) > 0 ? 1 : 0;
