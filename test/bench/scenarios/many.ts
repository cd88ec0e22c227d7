// A thousand peers configured, a hundred of them active, against one peer: the same hundred TCP
// streams from one node, once spread over a hundred peers, once over a single one. The node's own
// CPU per gigabyte tells more than the throughput, since a hundred far ends share its machine.

import { Lab } from '../../lab/namespaces.js';
import { keyPair, Node } from '../../lab/node.js';
import { cpuSeconds } from '../machine.js';

const SECONDS = 10;
const FIRST_PORT = 20_000;

const far = (i: number) => `10.7.${i >> 8}.${i & 255}`;

export async function many(
  active: number,
  configured: number,
  say: (line: string) => void,
): Promise<void> {
  const lab = await Lab.create('many');
  try {
    await lab.namespace('near');
    await lab.namespace('far');
    const addresses = [['10.8.0.1/24'], ['10.8.0.2/24']] as const;
    await lab.connect('near', 'far', { addresses });
    const near = await Node.start(lab, 'near', 'kith', { addresses: ['10.7.255.1/32'] });
    await near.ip('route', 'add', '10.7.0.0/16', 'dev', near.device);
    await startFarEnds(lab, near, { active, configured }, say);
    const ports = Array.from({ length: active }, (_, i) => FIRST_PORT + i);
    for (const port of ports) lab.spawn('far', 'iperf3', '-s', '-p', `${port}`);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const results: number[] = [];
    for (const [name, spread] of [
      ['one peer', false],
      [`${active} of ${configured} peers`, true],
      ['one peer again', false],
    ] as const) {
      say(`${name}: ${active} streams for ${SECONDS} s`);
      const { mbit, perGb } = await load(lab, near, ports, spread);
      console.log(`${name}: ${mbit.toFixed(0)} Mbit/s, ${perGb.toFixed(2)} CPU s per GB here`);
      results.push(mbit);
    }
    const [one = 0, spread = 0, again = 0] = results;
    console.log(`ratio: ${(spread / ((one + again) / 2)).toFixed(2)}`);
  } finally {
    await lab.dispose();
  }
}

/** Each peer is a process of its own; which one answers is chosen by its address (policy rules). */
async function startFarEnds(
  lab: Lab,
  near: Node,
  { active, configured }: { active: number; configured: number },
  say: (line: string) => void,
): Promise<void> {
  for (let i = 1; i <= configured; i++) {
    if (i <= active) {
      const options = { addresses: [`${far(i)}/32`], port: 30_000 + i };
      const node = await Node.start(lab, 'far', 'kith', options);
      await node.peer(near, { allowedIps: ['10.7.255.1/32'], endpoint: '10.8.0.1:51820' });
      await node.ip('route', 'add', 'default', 'dev', node.device, 'table', `${1_000 + i}`);
      await node.ip('rule', 'add', 'from', far(i), 'table', `${1_000 + i}`);
      near.expect(node, { allowedIps: [`${far(i)}/32`], endpoint: `10.8.0.2:${30_000 + i}` });
      if (i % 10 === 0) say(`${i} of ${active} far ends are up`);
    } else {
      near.expect(keyPair(), { allowedIps: [`${far(i)}/32`], endpoint: `10.8.0.2:${30_000 + i}` });
    }
  }
  await near.configure();
  for (let i = 1; i <= active; i++) await near.reaches(far(i));
}

async function load(
  lab: Lab,
  near: Node,
  ports: readonly number[],
  spread: boolean,
): Promise<{ mbit: number; perGb: number }> {
  const pids = [near.daemon?.pid ?? 0];
  const before = cpuSeconds(pids);
  const runs = ports.map((port, i) => {
    const to = spread ? far(i + 1) : far(1);
    const args = ['-c', to, '-p', `${port}`, '-t', `${SECONDS}`, '-C', 'cubic', '-J'];
    return lab.runWith('near', { timeoutMs: 60_000 }, 'iperf3', ...args);
  });
  const results = await Promise.all(runs);
  const cpu = cpuSeconds(pids) - before;
  let bytes = 0;
  for (const { stdout, code } of results) {
    if (code !== 0) throw new Error(`iperf3: ${stdout.slice(-500)}`);
    bytes += (JSON.parse(stdout) as { end: { sum_received: { bytes: number } } }).end.sum_received
      .bytes;
  }
  return { mbit: (bytes * 8) / SECONDS / 1e6, perGb: (cpu * 1e9) / bytes };
}
