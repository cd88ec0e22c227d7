// Devices as /sys and /proc show them, laid out in a folder.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { diskOfPartition, listDevices } from '../../../flash/disk/devices.js';
import { isTarget } from '../../../flash/disk/list.js';
import { findTarget } from '../../../flash/disk/write.js';
import { temporaryFolder } from '../../control/program.js';

const root = temporaryFolder();
const put = (path: string, text: string) => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), `${text}\n`);
};

/** A disk in sysfs; `more` are files in its folder. */
function disk(name: string, at: string, dev: string, more: Record<string, string> = {}): void {
  const files = { size: '62333952', ro: '0', removable: '0', dev, ...more };
  for (const [file, text] of Object.entries(files))
    put(`sys/devices/${at}/block/${name}/${file}`, text);
  for (const folder of ['block', 'class/block']) {
    mkdirSync(join(root, 'sys', folder), { recursive: true });
    symlinkSync(join(root, `sys/devices/${at}/block/${name}`), join(root, 'sys', folder, name));
  }
}

function partition(disk: string, at: string, name: string, dev: string): void {
  put(`sys/devices/${at}/block/${disk}/${name}/partition`, '1');
  put(`sys/devices/${at}/block/${disk}/${name}/dev`, dev);
  symlinkSync(
    join(root, `sys/devices/${at}/block/${disk}/${name}`),
    join(root, 'sys/class/block', name),
  );
}

function holder(disk: string, at: string, part: string, by: string): void {
  mkdirSync(join(root, `sys/devices/${at}/block/${disk}/${part}/holders/${by}`), {
    recursive: true,
  });
}

const NVME = 'pci0/nvme/nvme0';
const USB = 'pci0/usb1/1-2/host6';
disk('nvme0n1', NVME, '259:0', { 'device/model': 'Fast 1TB' });
partition('nvme0n1', NVME, 'nvme0n1p1', '259:1');
partition('nvme0n1', NVME, 'nvme0n1p2', '259:2');
holder('nvme0n1', NVME, 'nvme0n1p2', 'dm-0');
disk('dm-0', 'virtual', '252:0');
mkdirSync(join(root, 'sys/devices/virtual/block/dm-0/holders/dm-1'), { recursive: true });
disk('dm-1', 'virtual1', '252:1');
disk('sda', 'pci0/ata1', '8:0', { 'device/model': 'Old disk' });
disk('sdb', USB, '8:16', { 'device/vendor': 'SanDisk ', 'device/model': 'Ultra\x1b[31m' });
disk('sdc', 'pci0/usb2/host7', '8:32', { removable: '1' });
partition('sdc', 'pci0/usb2/host7', 'sdc1', '8:33');
disk('sdd', 'pci0/usb3/host8', '8:48', { ro: '1', 'queue/logical_block_size': '4096' });
disk('sde', 'pci0/usb4/host9', '8:64', { size: '0' });
disk('sdf', 'pci0/usb5/host9', '8:80');
disk('sdg', 'pci0/usb6/host9', '8:96');
partition('sdg', 'pci0/usb6/host9', 'sdg2', '8:98');
disk('mmcblk0', 'soc/mmc0', '179:0', { 'device/type': 'SD', 'device/name': 'SC32G' });
disk('mmcblk1', 'soc/mmc1', '179:8', { 'device/type': 'MMC', 'device/name': '0x000000' });
disk('mmcblk1boot0', 'soc/mmc1/boot', '179:16');
disk('zram0', 'virtual2', '253:0');
put(
  'proc/self/mountinfo',
  [
    '22 1 252:1 / / rw - ext4 /dev/mapper/root rw',
    '23 22 8:33 / /media/me/MY\\040CARD rw shared:3 - vfat /dev/sdc1 rw',
    '24 22 0:40 /@ /srv2 rw - btrfs /dev/sdf rw',
    '25 22 0:5 / /proc rw - proc proc rw',
  ].join('\n'),
);
put('proc/swaps', 'Filename Type Size Used Priority\n/dev/sdg2 partition 1 0 -2');

const devices = suite('flash/disk/devices');
const found = listDevices(root);
const one = (path: string) => found.find((device) => device.path === path)!;

devices('those a person could mean, in order', () => {
  assert.equal(
    found.map(({ path }) => path),
    [
      '/dev/mmcblk0',
      '/dev/mmcblk1',
      '/dev/nvme0n1',
      ...['a', 'b', 'c', 'd', 'f', 'g'].map((x) => `/dev/sd${x}`),
    ],
  );
});

devices('the system is found through partitions and what is built upon them', () => {
  const { system, mounted, inUse, kind } = one('/dev/nvme0n1');
  assert.equal(
    { system, mounted, inUse, kind },
    { system: true, mounted: ['/'], inUse: true, kind: 'fixed' },
  );
  assert.ok(one('/dev/sdg').system, 'swap');
  assert.not(one('/dev/sdc').system);
});

devices('what it says of itself', () => {
  const { model, size, kind, sector } = one('/dev/sdb');
  assert.equal(
    { model, size, kind, sector },
    { model: 'SanDisk Ultra?[31m', size: 31914983424, kind: 'usb', sector: 512 },
  );
  assert.is(one('/dev/sdd').sector, 4096);
  assert.equal([one('/dev/mmcblk0').kind, one('/dev/mmcblk0').model], ['card', 'SC32G']);
  assert.equal([one('/dev/mmcblk1').kind, one('/dev/mmcblk1').model], ['fixed', '']);
});

devices('mounts, by number and by source', () => {
  assert.equal(one('/dev/sdc').mounted, ['/media/me/MY CARD']);
  assert.equal(one('/dev/sdf').mounted, ['/srv2']);
  assert.equal(
    found.filter(isTarget).map(({ path }) => path),
    ['/dev/mmcblk0', '/dev/sdb'],
  );
});

const refused: Array<[string, RegExp]> = [
  ['/dev/nvme0n1', /this system lies on it/],
  ['/dev/sda', /built into this machine/],
  ['/dev/sdc', /mounted at \/media\/me\/MY CARD/],
  ['/dev/sdc1', /is a partition: .* \/dev\/sdc$/],
  ['/dev/sdd', /read-only/],
  ['/dev/sde', /no card, stick or disk/],
  ['/dev/sdg', /this system lies on it/],
  ['/etc/passwd', /no card, stick or disk/],
];
for (const [path, why] of refused) {
  devices(`refused: ${path}`, () => {
    assert.throws(() => findTarget(path, false, root), why);
  });
}

devices('taken', () => {
  assert.is(findTarget('/dev/sdb', false, root).path, '/dev/sdb');
  assert.is(findTarget('/dev/sda', true, root).path, '/dev/sda');
  assert.throws(() => findTarget('/dev/nvme0n1', true, root), /this system/);
  assert.is(diskOfPartition('sdg2', root), 'sdg');
  assert.is(diskOfPartition('sdg', root), undefined);
});

devices.run();
