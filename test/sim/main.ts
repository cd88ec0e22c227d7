// Runs simulations by hand or at night:
//
//   npx tsx test/sim/main.ts faults 1 200          scenario, first seed, how many
//   npx tsx test/sim/main.ts faults 17 1 30        … minutes of trouble
//   npx tsx --import ./test/sim/standin/register.mjs test/sim/main.ts thousands 1 1 30 10000
//                                                … detail: and what an idle node's bytes are
//
// A seed that fails is printed with what came before; the same seed fails in the same way again.

import { faults, meeting, moving, revocation, type Told } from './scenarios.js';
import { thousands } from './thousands.js';
import { Violation } from './world.js';

const [name = 'faults', first = '1', count = '1', minutes, nodes, detail] = process.argv.slice(2);
const scenarios: Record<string, (seed: number) => Told> = {
  meeting,
  moving,
  revocation,
  faults: (seed) => faults(seed, minutes === undefined ? undefined : Number(minutes)),
  thousands: (seed) =>
    thousands(seed, Number(nodes ?? 1_000), Number(minutes ?? 30), detail === 'detail'),
};
const scenario = scenarios[name];
if (scenario === undefined) throw new RangeError(`one of ${Object.keys(scenarios).join(', ')}`);

let failed = 0;
for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  const began = performance.now();
  try {
    const { events, delivered, virtualMs } = scenario(seed);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const virtual = Math.round(virtualMs / 1000);
    console.log(
      `seed ${seed}: ${virtual} s in ${seconds} s, ${events} events, ${delivered} packets`,
    );
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    failed++;
    console.log(`${error.message}\n  ${error.trace.slice(-30).join('\n  ')}`);
  }
}
console.log(`${failed} of ${count} failed`);
process.exitCode = failed > 0 ? 1 : 0;
