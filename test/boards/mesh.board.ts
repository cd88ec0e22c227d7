// Two Raspberry Pis as virtual machines, each behind a NAT: set up over their serial lines by
// `kith flash provision`, they form a mesh; one takes a release from a web server, the other takes
// it from the first; a broken one brings the one before back. At last a WireGuard of the kernel's
// own is the other end of a tunnel.
//
// needs: qemu-system-arm, mtools, squashfs-tools, cpio, busybox-static, nftables
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Internet } from '../../agent/control/lab/internet.js';
import { buildImage, type ImageFiles } from '../../flash/image/build.js';
import { ARCHITECTURE, RELEASE } from '../../flash/image/debianpackages.js';
import { debianArchive } from '../../flash/image/program.js';
import { Fetched } from '../../flash/package/fetched.js';
import { CHECKOUT, cacheFolder } from '../../flash/package/surroundings.js';
import { Agent } from '../lab/agents.js';
import type { Lab } from '../lab/namespaces.js';
import { makeInternet } from '../lab/nat.js';
import { KITH } from '../lab/node.js';
import { Machine } from './machine.js';

const TIME = 1_767_225_600;
const TOOLS = ['wireguard-tools']; // the kernel's tunnel is set up by its own tool
const CONSOLE_MS = 120_000;
const UPDATE_MS = 600_000;
const NAMES = ['anna', 'ben'] as const;
const KITH_HERE = 'kith --state /data/kith';

const mesh = suite('boards/mesh');
const work = mkdtempSync(join(tmpdir(), 'kith-boards-'));
const site = join(work, 'site');
const machines = new Map<string, Machine>();
let lab: Lab;
let internet: Internet;
let hub: Agent;
let card: string;
let tools: string;

/** `broken`: its agent ends at once. */
async function build(version: string, broken = false): Promise<ImageFiles> {
  const fetched = new Fetched(cacheFolder(), () => {}, new AbortController().signal);
  let root = CHECKOUT;
  if (broken) {
    root = join(work, 'broken');
    execFileSync('cp', ['-a', '--reflink=auto', join(CHECKOUT, 'dist'), `${root}-dist`]);
    mkdirSync(root);
    for (const name of ['node_modules', 'agent', 'board', 'package-lock.json', 'LICENSE'])
      execFileSync('ln', ['-s', join(CHECKOUT, name), join(root, name)]);
    execFileSync('mv', [`${root}-dist`, join(root, 'dist')]);
    writeFileSync(join(root, 'dist/kith.js'), 'process.exit(1);\n');
  }
  const order = { root, version, time: TIME, out: join(work, version) };
  return buildImage(order, fetched, debianArchive(), console.log);
}

async function publish(version: string, files: ImageFiles): Promise<void> {
  copyFileSync(files.update, join(site, `kith-${version}-pi-arm64.tar.gz`));
  await hub.must(['update', 'sign', site, version, '--key', join(work, 'publisher.key')]);
}

function machine(name: string): Machine {
  const found = machines.get(name);
  if (!found) throw new Error(`no machine ${name}`);
  return found;
}

/** A machine in a home: its Ethernet is a TAP device there, with addresses and a way out. */
async function addMachine(name: string): Promise<void> {
  await internet.addHome(name, 'port-restricted');
  const tap = lab.interfaceName('tap');
  const must = (...command: string[]) => lab.must(name, ...command);
  await must('ip', 'tuntap', 'add', 'dev', tap, 'mode', 'tap');
  await must('ip', 'address', 'add', '10.77.0.1/24', 'dev', tap);
  await must('ip', 'link', 'set', tap, 'up');
  await lab.masquerade(name, 'lan');
  const leases = join(lab.folder, `${name}.leases`);
  const lines = ['start 10.77.0.10', 'end 10.77.0.20', `interface ${tap}`, `lease_file ${leases}`];
  lines.push('option router 10.77.0.1', 'option subnet 255.255.255.0');
  writeFileSync(leases, '');
  writeFileSync(join(lab.folder, `${name}.udhcpd`), `${lines.join('\n')}\n`);
  lab.spawn(name, 'busybox', 'udhcpd', '-f', join(lab.folder, `${name}.udhcpd`));
  const folder = join(work, name);
  mkdirSync(folder);
  const own = join(folder, 'card.img');
  execFileSync('cp', ['--sparse=always', card, own]);
  const namespace = lab.namespaceName(name);
  const before = 'cp /wg /new/usr/bin/wg';
  const extra = new Map([['wg', readFileSync(join(tools, 'usr/bin/wg'))]]);
  machines.set(name, new Machine({ folder, card: own, namespace, tap, before, extra }));
}

mesh.before(async () => {
  card = (await build('0.1.0')).image;
  const fetched = new Fetched(cacheFolder(), () => {}, new AbortController().signal);
  const sources = `deb ${debianArchive()} ${RELEASE} main\n`;
  tools = await fetched.debian(ARCHITECTURE, TOOLS, sources);
  ({ lab, internet } = await makeInternet('pis'));
  const { address } = await internet.addHome('hub', 'public');
  hub = new Agent(lab, 'hub');
  mkdirSync(site);
  lab.spawn('hub', 'busybox', 'httpd', '-f', '-p', `${address}:8080`, '-h', site);
  const key = (await hub.must(['update', 'key', join(work, 'publisher.key')])).trim();
  await hub.must(['init', '--name', 'hub']);
  await hub.up();
  const update = { url: `http://${address}:8080`, keys: [key], trialSeconds: 240 };
  writeFileSync(join(work, 'settings.json'), JSON.stringify({ version: 1, config: { update } }));
  for (const name of NAMES) await addMachine(name);
});

mesh.after(async () => {
  for (const each of machines.values()) await each.stop();
  await lab?.dispose();
  rmSync(work, { recursive: true, force: true });
});

mesh('provisioned over their serial lines, they form a mesh behind NATs', async () => {
  for (const name of NAMES) {
    const each = machine(name);
    await each.power();
    await each.says(/press Enter/, CONSOLE_MS);
    const flash = ['flash', 'provision', each.console, '--json', '--state', hub.state];
    const rest = ['--settings', join(work, 'settings.json'), '--via-agent', '--names', name];
    const tool = lab.spawn('hub', process.execPath, KITH, ...flash, ...rest);
    const ran = await tool.result(180_000);
    assert.is(ran.code, 0, ran.stderr + ran.stdout);
  }
  for (const [name, other] of [NAMES, [...NAMES].reverse()] as [string, string][]) {
    const status = await lab.waitFor(
      async () => {
        const text = await machine(name).shell(`${KITH_HERE} peers --json`);
        const { peers } = JSON.parse(text) as { peers: { name: string; addresses: string[] }[] };
        return peers.find((peer) => peer.name === other);
      },
      120_000,
      `${name} knows ${other}`,
    );
    const address = status.addresses.find((one) => one.includes(':'))?.replace(/\/\d+$/, '');
    await machine(name).shell(`ping -6 -c 3 -w 30 ${address} || ping -c 3 -w 30 ${address}`);
  }
});

const runs = (name: string, version: string) =>
  lab.waitFor(
    async () => {
      const text = await machine(name)
        .shell(`${KITH_HERE} update status --json`, 30_000)
        .catch(() => '{}');
      const { installed, state } = JSON.parse(text || '{}') as Record<string, string>;
      return installed === version && state === 'idle';
    },
    UPDATE_MS,
    `${name} runs ${version} for good`,
  );

mesh('one takes the next release from the web, the other from the first', async () => {
  await publish('0.1.1', await build('0.1.1'));
  await machine('anna').shell(`${KITH_HERE} update check; ${KITH_HERE} update apply`);
  await runs('anna', '0.1.1');
  assert.equal(machine('anna').starts, [2, 3]);
  rmSync(join(site, 'kith-0.1.1-pi-arm64.tar.gz')); // nowhere but at anna's
  await machine('ben').shell(`${KITH_HERE} update check; ${KITH_HERE} update apply`);
  await runs('ben', '0.1.1');
  assert.equal(machine('ben').starts, [2, 3]);
});

mesh('a broken release brings the one before back', async () => {
  await publish('0.1.2', await build('0.1.2', true));
  await machine('anna').shell(`${KITH_HERE} update check; ${KITH_HERE} update apply`);
  await lab.waitFor(() => machine('anna').starts.length >= 4, UPDATE_MS, 'it was tried and left');
  assert.equal(machine('anna').starts, [2, 3, 2, 3]);
  await runs('anna', '0.1.1');
  const status = await machine('anna').shell(`${KITH_HERE} update status`);
  assert.match(status, /0\.1\.2/);
});

mesh('the WireGuard of the kernel is the other end of a tunnel', async () => {
  const ben = machine('ben');
  await ben.shell(`mkdir -p /tmp/tunnel; ${KITH_HERE} guest add kernel --conf >/tmp/tunnel/all`);
  const text = await ben.shell('cat /tmp/tunnel/all');
  const inner = [...text.matchAll(/[0-9a-f.:]+(?=\/(?:32|128|24|64))/g)].map(([found]) => found);
  const own = inner.find((one) => one.includes(':')) ?? '';
  const { addresses } = JSON.parse(await ben.shell(`${KITH_HERE} status --json`)) as {
    addresses: string[];
  };
  const far = (addresses.find((one) => one.includes(':')) ?? '').replace(/\/\d+$/, '');
  const lines = [
    "grep -vE '^(Address|DNS|MTU|Endpoint)' /tmp/tunnel/all >/tmp/tunnel/set",
    'echo "Endpoint = 10.99.0.1:51820" >>/tmp/tunnel/set',
    'ip netns add other',
    'ip link add out type veth peer name in netns other',
    'ip address add 10.99.0.1/24 dev out',
    'ip link set out up',
    'ip -n other address add 10.99.0.2/24 dev in',
    'ip -n other link set in up',
    'ip -n other link add wg0 type wireguard',
    'ip netns exec other /usr/bin/wg setconf wg0 /tmp/tunnel/set',
    `ip -n other address add ${own}/128 dev wg0 nodad`,
    'ip -n other link set wg0 up',
    `ip -n other route add ${far}/128 dev wg0`,
  ];
  for (const line of lines) await ben.shell(line);
  assert.match(await ben.shell('ip -n other -d link show wg0'), /wireguard/);
  await ben.shell(`ip netns exec other ping -c 3 -w 20 ${far}`);
  await ben.shell(`ping -c 3 -w 20 ${own}`);
});

mesh.run();
