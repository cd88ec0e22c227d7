import { createSocket } from 'node:dgram';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Machine, thisMachine } from '../../board/machine.js';
import { preflight } from '../../board/preflight.js';

const GOOD: Machine = {
  platform: 'linux',
  kernel: '6.1.0-rpi7-rpi-v8',
  mayConfigure: () => true,
  openTun: () => undefined,
  hasInterface: () => false,
  hasCommand: () => true,
  bind: async () => undefined,
};
const WANTED = { interfaceName: 'kith0', port: 51820 };

const flight = suite('board/preflight');

flight('a good machine has no problem', async () => {
  assert.is(await preflight(WANTED, GOOD), undefined);
  assert.is(await preflight(WANTED, { ...GOOD, kernel: '4.18.0' }), undefined);
  assert.is(await preflight(WANTED, { ...GOOD, kernel: '10.0-rc1' }), undefined);
});

const rows: Array<[string, Partial<Machine>, RegExp]> = [
  ['another system', { platform: 'darwin' }, /^kith runs on Linux, and this is darwin$/],
  ['an old kernel', { kernel: '4.17.19' }, /^Linux 4.17.19 is too old: .*UDP_SEGMENT.* 4\.18/],
  ['a very old kernel', { kernel: '3.18.20' }, /too old/],
  ['not root', { mayConfigure: () => false }, /may not make network interfaces: .*sudo/],
  ['no device', { openTun: () => 'ENOENT' }, /^there is no \/dev\/net\/tun: .*modprobe tun/],
  ['no driver', { openTun: () => 'ENODEV' }, /no TUN driver/],
  [
    'a device that is not ours',
    { openTun: () => 'EPERM' },
    /cannot open \/dev\/net\/tun \(EPERM\)/,
  ],
  ['no iproute2', { hasCommand: (name) => name !== 'ip' }, /`ip` is missing: .* iproute2/],
  [
    'the name is taken',
    { hasInterface: () => true },
    /^there is an interface kith0 already: .*interface.name/,
  ],
  [
    'the port is taken',
    { bind: async () => 'EADDRINUSE' },
    /^UDP port 51820 is taken .*listen.port/,
  ],
  [
    'the port is not allowed',
    { bind: async () => 'EACCES' },
    /^cannot open UDP port 51820 \(EACCES\)/,
  ],
];
for (const [name, lacks, sentence] of rows) {
  flight(`says: ${name}`, async () => {
    assert.match((await preflight(WANTED, { ...GOOD, ...lacks })) ?? '', sentence);
  });
}

flight('any free port is never taken', async () => {
  const machine = { ...GOOD, bind: async () => assert.unreachable() as never };
  assert.is(await preflight({ ...WANTED, port: 0 }, machine), undefined);
});

for (const type of ['udp4', 'udp6'] as const) {
  flight(`this machine tells a port that is taken over ${type}`, async () => {
    const socket = createSocket({ type, ipv6Only: type === 'udp6' });
    await new Promise<void>((resolve) => socket.bind(0, resolve));
    const { port } = socket.address();
    assert.is(await thisMachine.bind(port), 'EADDRINUSE');
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    assert.is(await thisMachine.bind(port), undefined);
  });
}

flight('this machine has a loopback interface', () => {
  assert.is(thisMachine.hasInterface('lo'), true);
  assert.is(thisMachine.hasInterface('kith-none'), false);
});

flight.run();
