import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { gatherFacts } from '../../../board/doctor/facts.js';

const BOARD = { kind: 'debian', model: 'a board', system: 'a system' } as const;
const WANTED = { interfaceName: 'kith9', port: 0, addresses: [], serialPort: null } as const;

const facts = suite('board/doctor/facts');

function gather(maps: string) {
  const look = (path: string) => (path === '/proc/self/maps' ? maps : undefined);
  const board = { ...BOARD, render: () => undefined };
  const wanted = { ...WANTED, statePath: '/', agentRuns: false };
  return gatherFacts(board, wanted, null, look);
}

facts('musl is known by what this process has loaded', async () => {
  assert.ok((await gather('7f00 r-xp 0 /lib/ld-musl-aarch64.so.1\n')).musl);
  assert.not((await gather('7f00 r-xp 0 /lib/ld-linux-aarch64.so.1\n')).musl);
});

facts('nobody is asked for the names of open connections meanwhile', async () => {
  const report = process.report;
  if (report === undefined) throw new Error('Node has a report');
  const before = report.getReport;
  let asked = 0;
  report.getReport = () => {
    asked++;
    return before.call(report);
  };
  await gather('');
  report.getReport = before;
  assert.is(asked, 0);
});

facts.run();
