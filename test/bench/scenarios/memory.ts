// Does memory stay flat under load, and does an idle node stay idle? A node with three peers, one
// of them under full load for minutes, then all of them idle. The node is `kith wg` or `kith up`.

import { join } from 'node:path';
import { Lab } from '../../lab/namespaces.js';
import { KITH, Node } from '../../lab/node.js';
import { cpuSeconds, memoryOf } from '../machine.js';

const SAMPLE_MS = 5_000;
const IDLE_MS = 60_000;
const WARM_UP = 0.1; // part of the time before growth is looked at

export type Program = 'wg' | 'up';

export async function memory(
  program: Program,
  minutes: number,
  say: (line: string) => void,
): Promise<void> {
  const lab = await Lab.create('memory');
  try {
    const { hub, peers } = await star(lab, program, 3);
    const pids = [hub.daemon?.pid ?? 0];
    lab.spawn('p1', 'iperf3', '-s');
    await new Promise((resolve) => setTimeout(resolve, 500));
    const seconds = Math.round(minutes * 60);
    const both = ['-C', 'cubic', '-t', `${seconds}`, '--bidir'];
    const load = lab.spawn('hub', 'iperf3', '-c', '10.9.1.2', ...both);
    const samples: { residentMib: number; anonymousMib: number }[] = [];
    const end = performance.now() + seconds * 1_000;
    while (performance.now() < end && load.running) {
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
      samples.push(memoryOf(pids));
      const left = Math.max(0, Math.round((end - performance.now()) / 1_000));
      say(`${samples.at(-1)?.residentMib.toFixed(1)} MiB resident, ${left} s left`);
    }
    await load.stop();
    const steady = samples.slice(Math.ceil(samples.length * WARM_UP));
    for (const key of ['residentMib', 'anonymousMib'] as const) {
      const values = steady.map((sample) => sample[key]);
      const [least, most] = [Math.min(...values), Math.max(...values)];
      console.log(`kith ${program}: ${key} under load: ${least.toFixed(1)} to ${most.toFixed(1)}`);
    }
    console.log(`kith ${program}: peakMib: ${memoryOf(pids).peakMib.toFixed(1)}`);
    for (const { address } of peers) await hub.reaches(address);
    say(`idle for ${IDLE_MS / 1_000} s`);
    await new Promise((resolve) => setTimeout(resolve, 15_000)); // passive keepalives are through
    const before = cpuSeconds(pids);
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const share = ((cpuSeconds(pids) - before) * 1_000) / IDLE_MS;
    const percent = (100 * share).toFixed(2);
    console.log(`kith ${program}: idle CPU with ${peers.length} peers: ${percent} % of a core`);
  } finally {
    await lab.dispose();
  }
}

/** A node "hub" and peers p1, p2, … around it, each over a veth pair of its own. */
async function star(
  lab: Lab,
  program: Program,
  count: number,
): Promise<{ hub: Node; peers: { address: string }[] }> {
  await lab.namespace('hub');
  const options = program === 'up' ? { program: agent(join(lab.folder, 'state')) } : {};
  const hub = await Node.start(lab, 'hub', 'kith', { addresses: ['10.9.1.1/32'], ...options });
  const peers: { address: string }[] = [];
  for (let i = 1; i <= count; i++) {
    const label = `p${i}`;
    const [near, far, address] = [`10.8.${i}.1`, `10.8.${i}.2`, `10.9.1.${i + 1}`];
    await lab.namespace(label);
    await lab.connect('hub', label, { addresses: [[`${near}/24`], [`${far}/24`]] });
    const node = await Node.start(lab, label, 'kith', { addresses: [`${address}/24`] });
    const own = [`${address}/32`];
    await hub.peer(node, { allowedIps: own, endpoint: `${far}:51820` });
    await hub.ip('route', 'add', address, 'dev', hub.device, 'src', '10.9.1.1');
    await node.peer(hub, { allowedIps: ['10.9.1.1/32'], endpoint: `${near}:51820` });
    await hub.reaches(address);
    peers.push({ address });
  }
  return { hub, peers };
}

/** `kith up`, with the interface that follows behind -f. It serves the socket of `wg`, too. */
function agent(state: string): string[] {
  const script = 'exec "$0" "$1" up --state "$2" --set interface.name="$4"';
  return ['sh', '-c', script, process.execPath, KITH, state];
}
