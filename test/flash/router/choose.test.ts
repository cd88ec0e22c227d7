// Which packages fit which machine, and what speaks against it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { choose, type Row } from '../../../flash/router/choose.js';
import type { Probe } from '../../../flash/router/probe.js';

const MIB = 2 ** 20;

function row(name: Row['package'], kind: Row['kind'], architectures: string[], more = {}): Row {
  const bytes = name === 'kith' ? 2 * MIB : 30 * MIB;
  const sha256 = '0'.repeat(64);
  const file = `${name}_1_${architectures[0]}.${kind}`;
  const row = { file, package: name, kind, architectures, version: '1', bytes, sha256 };
  return { ...row, installedBytes: bytes + MIB, ...more };
}

const ARM = ['aarch64_generic', 'aarch64_cortex-a53'];
const ROWS = [
  ...(['kith', 'kith-runtime'] as const).flatMap((name) => [
    row(name, 'ipk', ARM),
    row(name, 'apk', ARM),
    row(name, 'deb', ['arm64']),
    row(name, 'ipk', ['x86_64']),
    row(name, 'deb', ['amd64']),
  ]),
];

const PROBE: Probe = {
  system: 'openwrt 24.10.0',
  model: 'A router',
  machine: 'aarch64',
  root: true,
  manager: 'opkg',
  architectures: ['all', 'noarch', 'aarch64_cortex-a53'],
  memory: 500 * MIB,
  upload: { free: 200 * MIB, on: '/tmp' },
  install: { free: 200 * MIB, on: '/overlay' },
  installed: '',
};

const fits: Array<[string, Partial<Probe>, string]> = [
  ['OpenWrt 24.10 on ARM', {}, 'ipk'],
  ['OpenWrt 25.12 on ARM', { manager: 'apk', architectures: ['aarch64_generic'] }, 'apk'],
  ['Debian on a PC', { manager: 'dpkg', architectures: ['amd64'] }, 'deb'],
];

const against: Array<[string, Partial<Probe>, RegExp]> = [
  [
    'an old router',
    { architectures: ['all', 'mipsel_24kc'] },
    /no package for its CPU \(all, mipsel_24kc, opkg\); there are: aarch64_generic, /,
  ],
  ['no package manager', { manager: undefined }, /none of opkg, apk and dpkg/],
  ['no root', { root: false }, /log in as root@/],
  ['little memory', { memory: 120 * MIB }, /has 120 MiB of memory, kith needs 200 MiB/],
  [
    'little flash',
    { install: { free: 9 * MIB, on: '/overlay' } },
    /\/overlay has 9\.0 MiB free, kith needs 36\.0 MiB: a USB stick/,
  ],
  [
    'little room in /tmp',
    { upload: { free: 9 * MIB, on: '/tmp' } },
    /\/tmp has 9\.0 MiB free, the files need 34\.0 MiB/,
  ],
  [
    'both on one disk',
    { upload: { free: 50 * MIB, on: '/' }, install: { free: 50 * MIB, on: '/' } },
    /\/ has 50\.0 MiB free, kith needs 36\.0 MiB, and 34\.0 MiB while it is installed/,
  ],
  ['all at once', { root: false, memory: 0 }, /root@…; it has 0 B of memory/],
];

const router = suite('flash/router/choose');

for (const [name, more, kind] of fits)
  router(name, () => {
    const files = choose({ ...PROBE, ...more }, ROWS).map((one) => [one.package, one.kind]);
    assert.equal(files, [
      ['kith-runtime', kind],
      ['kith', kind],
    ]);
  });

for (const [name, more, why] of against)
  router(`refused: ${name}`, () => {
    assert.throws(() => choose({ ...PROBE, ...more }, ROWS), why);
  });

router('an upgrade takes the room of what it replaces', () => {
  const install = { free: 5 * MIB, on: '/overlay' };
  assert.is(choose({ ...PROBE, install, installed: '0.1.0' }, ROWS).length, 2);
});

router.run();
