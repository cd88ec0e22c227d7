// `kith doctor`: what this machine lacks, and what to do about it. It runs in the agent where one
// runs, which knows how it is reached from outside.

import { detect } from '../../board/detect.js';
import { gatherFacts, type Reach } from '../../board/doctor/facts.js';
import { type Finding, missing } from '../../board/doctor/finding.js';
import { hardwareChecks } from '../../board/doctor/hardware.js';
import { networkChecks } from '../../board/doctor/network.js';
import { look } from '../../board/hands.js';
import { type Config, DEFAULT_PORT } from '../config/schema.js';
import type { Handler } from './command.js';
import type { Context } from './context.js';
import { Failure } from './failure.js';

export type Diagnosis = Readonly<{
  model: string;
  system: string;
  missing: number;
  findings: readonly Finding[]; // what is missing first, then advice
}>;

const ORDER: readonly Finding['level'][] = ['missing', 'advice', 'fine'];
const MARKS = { missing: 'MISSING', advice: 'advice', fine: 'ok' } as const;

export const doctor: Handler<{ all: boolean }, Diagnosis> = {
  async run(context) {
    const { config, wrong } = configuration(context);
    const board = detect(look);
    const wanted = {
      interfaceName: config?.interface.name ?? 'kith0',
      port: config?.listen.port ?? DEFAULT_PORT,
      addresses: config?.interface.addresses ?? [],
      serialPort: config?.serial.port ?? null,
      statePath: context.statePath,
      agentRuns: context.agentRuns,
    };
    const facts = await gatherFacts(board, wanted, reachOf(context), look);
    const findings = [...wrong, ...hardwareChecks(facts), ...networkChecks(facts)];
    const sorted = ORDER.flatMap((level) => findings.filter((one) => one.level === level));
    return {
      model: board.model,
      system: board.system,
      missing: findings.filter(({ level }) => level === 'missing').length,
      findings: sorted,
    };
  },

  show({ model, system, findings }, { all }) {
    const shown = findings.filter(({ level }) => all || level !== 'fine');
    const lines = shown.flatMap(({ level, what, why, fix }) => {
      const first = `${MARKS[level].padEnd(8)} ${what}`;
      if (level === 'fine') return [first];
      return [first, `         why: ${why}`, `         do:  ${fix}`];
    });
    const fine = findings.length - shown.length;
    const rest = fine > 0 ? [`${fine} other things are as they should be (--all names them)`] : [];
    return [`${model}, ${system}`, '', ...lines, ...rest].join('\n');
  },

  exitCode: ({ missing }) => (missing > 0 ? 1 : 0),
};

/** A first start has none yet; one that is wrong is a finding. */
function configuration(context: Context): { config: Config | undefined; wrong: Finding[] } {
  try {
    return { config: context.store.check((config) => config), wrong: [] };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const why = error.problems.map(({ path, problem }) => `${path}: ${problem}`).join('; ');
    const wrong = missing(
      'configuration',
      error.message,
      why || 'the agent does not start with it',
      `change it in ${context.statePath}/kith.json`,
    );
    return { config: undefined, wrong: [wrong] };
  }
}

function reachOf({ agent }: Context): Reach | null {
  const mesh = agent?.status().mesh;
  return mesh ? { reachable: mesh.reachable, nat: mesh.nat, alone: mesh.members < 2 } : null;
}
