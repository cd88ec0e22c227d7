// slow: waits for retransmissions over a line that loses
// waits: for retransmissions, most of the time
// deadline: 180
// A line that loses 30 % each way, holds datagrams back and doubles them: pings come back as often
// as they should, none twice, and TCP goes on.
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ForwarderCounts, ForwarderOptions } from './forwarder.js';
import { Lab } from './namespaces.js';
import { type Implementation, Node } from './node.js';

const PORT = 51820;
const PINGS = 400;

const badLine = suite('lab/badline');

type Line = Omit<ForwarderOptions, 'left' | 'right' | 'port' | 'seed'>;

/** a — line — b, each of them knowing only the line's address on its side. */
async function overLine(
  line: Line,
  implementations: readonly [Implementation, Implementation],
  run: (lab: Lab) => Promise<void>,
): Promise<ForwarderCounts> {
  const lab = await Lab.create('badline');
  try {
    for (const label of ['a', 'line', 'b']) await lab.namespace(label);
    await lab.connect('a', 'line', { addresses: [['10.1.0.1/24'], ['10.1.0.2/24']] });
    await lab.connect('line', 'b', { addresses: [['10.2.0.2/24'], ['10.2.0.1/24']] });
    const options: ForwarderOptions = {
      ...line,
      left: { listen: '10.1.0.2', to: '10.1.0.1' },
      right: { listen: '10.2.0.2', to: '10.2.0.1' },
      port: PORT,
      seed: 20_261_122,
    };
    const program = join(import.meta.dirname, 'forwarder.ts');
    const node = [process.execPath, '--import', 'tsx', program, JSON.stringify(options)];
    const forwarder = lab.spawn('line', ...node);
    await lab.waitFor(() => forwarder.stdout.includes('ready'), 10_000, 'forwarder');
    const a = await Node.start(lab, 'a', implementations[0], { addresses: ['10.66.0.1/24'] });
    const b = await Node.start(lab, 'b', implementations[1], { addresses: ['10.66.0.2/24'] });
    await a.peer(b, { allowedIps: ['10.66.0.2/32'], endpoint: `10.1.0.2:${PORT}` });
    await b.peer(a, { allowedIps: ['10.66.0.1/32'], endpoint: `10.2.0.2:${PORT}` });
    await a.reaches('10.66.0.2', 40_000); // a handshake needs both its messages to get through
    await run(lab);
    await forwarder.stop();
    return JSON.parse(forwarder.stdout.replace('ready', '')) as ForwarderCounts;
  } finally {
    await lab.dispose();
  }
}

async function pings(lab: Lab, from: string, to: string): Promise<{ part: number; text: string }> {
  const args = ['-n', '-i', '0.01', '-c', `${PINGS}`, '-W2', to];
  const { stdout } = await lab.run(from, 'ping', ...args);
  return { part: [...stdout.matchAll(/time=/g)].length / PINGS, text: stdout };
}

async function tcpBytes(lab: Lab, seconds: number, ...args: string[]): Promise<number> {
  const server = lab.spawn('b', 'iperf3', '-s', '-1', '-J');
  const listening = async () =>
    (await lab.run('b', 'ss', '-Hltn', 'sport = :5201')).stdout.length > 0;
  await lab.waitFor(listening, 5_000, 'iperf3 server');
  // what iperf3 says to its server over the same line may take long; what counts is what arrived
  const timeoutMs = (seconds + 45) * 1_000;
  const load = ['-c', '10.66.0.2', '-t', `${seconds}`, '-C', 'cubic', '-J', ...args];
  const { stdout } = await lab.runWith('a', { timeoutMs }, 'iperf3', ...load);
  server.kill();
  return Number(/"sum_received":\s*{[^}]*?"bytes":\s*(\d+)/.exec(stdout)?.[1] ?? 0);
}

for (const implementations of [
  ['kith', 'wireguard-go'],
  ['kith', 'kith'],
] as const) {
  const who = implementations.join(' and ');

  badLine(`${who}: 30 % loss each way`, async () => {
    const line = { loss: 0.3, duplication: 0, reordering: 0, holdMs: 0 };
    await overLine(line, implementations, async (lab) => {
      const { part } = await pings(lab, 'a', '10.66.0.2');
      // 0.49 is expected; five standard deviations are 0.125
      assert.ok(part > 0.36 && part < 0.62, `${part} of the pings came back`);
      assert.ok((await tcpBytes(lab, 8)) > 20_000);
    });
  });

  badLine(`${who}: reordering and duplication lose and double nothing`, async () => {
    const line = { loss: 0, duplication: 0.3, reordering: 0.3, holdMs: 40 };
    const counts = await overLine(line, implementations, async (lab) => {
      for (const [from, to] of [
        ['a', '10.66.0.2'],
        ['b', '10.66.0.1'],
      ] as const) {
        const { part, text } = await pings(lab, from, to);
        assert.is(part, 1, text.slice(-300));
        assert.not.match(text, 'DUP!');
      }
      assert.ok((await tcpBytes(lab, 3)) > 1_000_000);
    });
    assert.ok(counts.duplicated > 200 && counts.held > 200, JSON.stringify(counts));
  });

  badLine(`${who}: all of it at once`, async () => {
    const line = { loss: 0.15, duplication: 0.15, reordering: 0.2, holdMs: 30 };
    await overLine(line, implementations, async (lab) => {
      const { part, text } = await pings(lab, 'b', '10.66.0.1');
      assert.ok(part > 0.6, `${part} of the pings came back`);
      assert.not.match(text, 'DUP!');
      assert.ok((await tcpBytes(lab, 5)) > 20_000);
    });
  });
}

badLine.run();
