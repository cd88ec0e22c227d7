// A thousand peers configured, a hundred of them active, against one peer: the same hundred TCP
// streams from one node, once spread over a hundred peers, once over a single one. The far ends are
// one process (farends.ts), which does the same work either way.

import { Lab } from '../../lab/namespaces.js';
import { keyPair, Node } from '../../lab/node.js';
import { cpuSeconds } from '../machine.js';
import { FAR_ENDS, type FarEnds } from './farends.js';

const SECONDS = 10;
const FIRST_PORT = 20_000;

const FAR_PORT = 30_000;

const far = (i: number) => `10.7.${i >> 8}.${i & 255}`;
/** The node has an address for each of its peers: by that the far end knows whom to be. */
const near = (i: number) => `10.6.${i >> 8}.${i & 255}`;

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
    const own = Array.from({ length: active }, (_, i) => `${near(i + 1)}/32`);
    const node = await Node.start(lab, 'near', 'kith', { addresses: own });
    await node.ip('route', 'add', '10.7.0.0/16', 'dev', node.device);
    await startFarEnds(lab, node, { active, configured });
    say(`${active} far ends are up`);
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
      const { mbit, perGb } = await load(lab, node, ports, spread);
      console.log(`${name}: ${mbit.toFixed(0)} Mbit/s, ${perGb.toFixed(2)} CPU s per GB here`);
      results.push(mbit);
    }
    const [one = 0, spread = 0, again = 0] = results;
    console.log(`ratio: ${(spread / ((one + again) / 2)).toFixed(2)}`);
  } finally {
    await lab.dispose();
  }
}

async function startFarEnds(
  lab: Lab,
  node: Node,
  { active, configured }: { active: number; configured: number },
): Promise<void> {
  const peers: FarEnds['peers'][number][] = [];
  for (let i = 1; i <= configured; i++) {
    const { privateKey, publicKey } = keyPair();
    node.expect({ publicKey }, { allowedIps: [`${far(i)}/32`] });
    if (i <= active) peers.push({ privateKey, nodeAddress: near(i) });
  }
  await node.configure();
  const interfaceName = lab.interfaceName('far');
  const { publicKey, port } = node;
  const all: FarEnds = {
    interfaceName,
    port: FAR_PORT,
    node: { publicKey, address: '10.8.0.1', port },
    peers,
  };
  const ends = lab.spawn('far', process.execPath, '--import', 'tsx', FAR_ENDS, JSON.stringify(all));
  await lab.waitFor(
    () => {
      if (!ends.running) throw new Error(ends.log);
      return ends.stdout.includes('up');
    },
    60_000,
    'far ends',
  );
  for (let i = 1; i <= active; i++) await lab.address('far', interfaceName, `${far(i)}/32`);
  await lab.must('far', 'ip', 'link', 'set', interfaceName, 'mtu', '1420', 'up');
  await lab.must('far', 'ip', 'route', 'add', '10.6.0.0/16', 'dev', interfaceName);
  for (const i of [1, active]) {
    const args = ['-n', '-c', '1', '-w', '8', '-I', near(i), far(i)];
    await lab.must('near', 'ping', ...args);
  }
}

async function load(
  lab: Lab,
  node: Node,
  ports: readonly number[],
  spread: boolean,
): Promise<{ mbit: number; perGb: number }> {
  const pids = [node.daemon?.pid ?? 0];
  const before = cpuSeconds(pids);
  const runs = ports.map((port, i) => {
    const peer = spread ? i + 1 : 1;
    const args = [
      '-c',
      far(peer),
      '-B',
      near(peer),
      '-p',
      `${port}`,
      '-t',
      `${SECONDS}`,
      '-C',
      'cubic',
      '-J',
    ];
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
