import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Debian } from '../../../board/debian.js';
import { type Facts, gatherFacts, type Wanted } from '../../../board/doctor/facts.js';
import { FREE_MIN, hardwareChecks, MEMORY_MIN } from '../../../board/doctor/hardware.js';
import { networkChecks } from '../../../board/doctor/network.js';
import { look } from '../../../board/hands.js';

const MIB = 1024 * 1024;
const WANTED: Wanted = {
  interfaceName: 'kith0',
  port: 51820,
  addresses: ['10.7.0.1/24'],
  serialPort: '/dev/ttyS0',
  statePath: '/etc/kith',
  agentRuns: false,
};
const FILES: Record<string, string> = {
  '/proc/sys/net/ipv4/ip_forward': '1\n',
  '/proc/cmdline': 'root=/dev/mmcblk0p2\n',
};
const GOOD: Facts = {
  board: { kind: 'debian', model: 'Pi', system: 'Debian' },
  node: '20.19.0',
  arch: 'arm64',
  musl: false,
  kernel: '6.6.31',
  mayConfigure: true,
  tun: undefined,
  memory: { total: 900 * MIB, available: 500 * MIB },
  free: 900 * MIB,
  now: Date.UTC(2026, 5, 1),
  programs: new Set(['systemd-timesyn']),
  interfaces: [{ name: 'eth0', type: '' }],
  tools: { ip: 'ip utility, iproute2-6.1.0', nft: 'nftables v1.0.6' },
  rulesets: '',
  portError: undefined,
  source: '203.0.113.9',
  look: (path) => FILES[path],
  wanted: WANTED,
  reach: null,
};

const findings = (facts: Facts) => [...hardwareChecks(facts), ...networkChecks(facts)];
const bad = (change: Partial<Facts>) =>
  findings({ ...GOOD, ...change })
    .filter(({ level }) => level !== 'fine')
    .map(({ check, level }) => `${level} ${check}`);
const files = (more: Record<string, string>) => (path: string) => ({ ...FILES, ...more })[path];
const openwrt = { kind: 'openwrt', model: '', system: '' } as const;

const doctor = suite('board/doctor/checks');

doctor('a good machine lacks nothing', () => {
  assert.equal(bad({}), []);
});

const rows: Array<[string, Partial<Facts>, string[]]> = [
  ['mips', { arch: 'mips' }, ['missing processor']],
  ['armv7 with musl', { arch: 'arm', musl: true }, ['missing processor']],
  ['armv7 with glibc', { arch: 'arm' }, []],
  ['arm64 with musl', { musl: true }, []],
  ['an old Node', { node: '20.18.9' }, ['missing node']],
  ['a newer Node', { node: '24.0.1' }, []],
  ['an old kernel', { kernel: '4.17.2' }, ['missing kernel']],
  ['a kernel without UDP over TUN', { kernel: '6.1.0-rpi7' }, ['advice kernel']],
  ['little memory', { memory: { total: MEMORY_MIN - 1, available: MIB } }, ['missing memory']],
  ['busy memory', { memory: { total: 400 * MIB, available: 60 * MIB } }, ['advice memory']],
  ['a full flash', { free: FREE_MIN - 1 }, ['missing space']],
  ['a small flash', { free: 8 * MIB }, ['advice space']],
  ['a clock in the past', { now: Date.UTC(1970, 0, 1) }, ['missing clock']],
  ['a clock that nobody sets', { programs: new Set<string>() }, ['advice clock']],
  ['no rights', { mayConfigure: false }, ['missing rights']],
  ['no TUN', { tun: 'ENOENT' }, ['missing tun']],
  ["busybox's ip", { tools: { ip: 'BusyBox v1.36', nft: 'x' } }, ['missing ip']],
  ['no nft', { tools: { ip: 'iproute2', nft: '' } }, ['advice nft']],
  ['a taken name', { interfaces: [{ name: 'kith0', type: '' }] }, ['missing interface']],
  ['a taken port', { portError: 'EADDRINUSE' }, ['missing port']],
  ['no uplink', { source: undefined }, ['missing uplink']],
  ['behind a NAT', { source: '192.168.1.7' }, ['advice reach']],
  ['the agent is not reached', { reach: reach(false) }, ['advice reach']],
  ['the agent is reached', { source: '192.168.1.7', reach: reach(true) }, []],
  [
    'no forwarding',
    { look: files({ '/proc/sys/net/ipv4/ip_forward': '0' }) },
    ['advice forwarding'],
  ],
  [
    'Tailscale beside an address of its own range',
    {
      interfaces: [{ name: 'tailscale0', type: '' }],
      wanted: { ...WANTED, addresses: ['100.95.1.1/24'] },
    },
    ['missing conflict'],
  ],
  ['Tailscale elsewhere', { interfaces: [{ name: 'tailscale0', type: '' }] }, []],
  ['WireGuard', { interfaces: [{ name: 'wg0', type: 'wireguard' }] }, ['advice conflict']],
  [
    'our own interface, which is WireGuard to the kernel',
    { interfaces: [{ name: 'kith0', type: 'wireguard' }], wanted: { ...WANTED, agentRuns: true } },
    [],
  ],
  [
    'a login on the port of the console',
    {
      look: files({ '/proc/cmdline': 'console=ttyS0,115200' }),
      programs: new Set(['agetty', 'ntpd']),
    },
    ['advice serial'],
  ],
  [
    "OpenWrt's login there",
    {
      board: openwrt,
      look: files({
        '/proc/cmdline': 'console=ttyS0,115200',
        '/etc/inittab': '::askconsole:/usr/libexec/login.sh\n',
      }),
    },
    ['advice serial'],
  ],
];
for (const [name, change, want] of rows)
  doctor(name, () => {
    assert.equal(bad(change), want);
  });

function reach(reachable: boolean) {
  return { reachable, nat: 'symmetric', alone: false };
}

doctor('what is not fine says why, and what to do', () => {
  for (const [name, change] of rows)
    for (const { level, what, why, fix } of findings({ ...GOOD, ...change }))
      assert.is(level === 'fine' || (what !== '' && why !== '' && fix !== ''), true, name);
});

doctor('this machine can be asked', async () => {
  const board = new Debian('Pi', 'Debian');
  const wanted = { ...WANTED, port: 0, statePath: '/etc/kith-none/below' };
  const facts = await gatherFacts(board, wanted, null, look);
  assert.is(facts.node, process.versions.node);
  assert.ok(facts.memory.total > facts.memory.available && facts.memory.available > 0);
  assert.ok(facts.free > 0, 'of the nearest folder that there is');
  assert.ok(facts.interfaces.some(({ name }) => name === 'lo'));
  assert.ok([...facts.programs].some((name) => /node|MainThread/.test(name)));
  assert.is(facts.musl, false);
});

doctor.run();
