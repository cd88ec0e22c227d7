// The boot partition of a pair: the Raspberry Pi's firmware, the kernel, its device trees, and the
// first root, which finds the card and mounts the rest.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzip } from '../package/tar.js';
import { type Entry, file, treeOf } from '../package/tree.js';
import { writeCpio } from './cpio.js';
import { EARLY_MODULES } from './debianpackages.js';
import type { VolumeFiles } from './fatvolume.js';
import { type KernelModule, withNeeds } from './kernelmodules.js';

const FIRMWARE = /^(start|fixup)4?(cd|x)?\.(elf|dat)$|^(start|fixup)_(cd|x)\.(elf|dat)$/;
const BOARDS = /^bcm2(711|837)-rpi-.*\.dtb$/;

/** For a person at the first serial port of the board; the kernel itself says little. */
const COMMAND_LINE = 'console=ttyS1,115200 quiet loglevel=1 panic=10\n';

export type Unpacked = Readonly<{ kernel: string; firmware: string; programs: string }>;

/** `assets`: the folder board/pi. */
export function bootFiles(
  from: Unpacked,
  modules: ReadonlyMap<string, KernelModule>,
  assets: string,
): VolumeFiles {
  const files = new Map<string, Uint8Array>();
  const firmware = join(from.firmware, 'usr/lib/raspi-firmware');
  for (const name of readdirSync(firmware))
    if (FIRMWARE.test(name)) files.set(name, readFileSync(join(firmware, name)));
  const trees = join(from.kernel, 'usr/lib', `linux-image-${kernelVersion(from)}`, 'broadcom');
  for (const name of readdirSync(trees))
    if (BOARDS.test(name)) files.set(name, readFileSync(join(trees, name)));
  files.set('vmlinuz', readFileSync(join(from.kernel, 'boot', `vmlinuz-${kernelVersion(from)}`)));
  files.set('first.img', firstRoot(from, modules, assets));
  files.set('config.txt', readFileSync(join(assets, 'config.txt')));
  files.set('cmdline.txt', Buffer.from(COMMAND_LINE));
  return files;
}

/** The first partition: what the firmware of a Raspberry Pi 3 begins with; which pair is next. */
export function selectFiles(from: Unpacked, autoboot: string): VolumeFiles {
  return new Map<string, Uint8Array>([
    ['bootcode.bin', readFileSync(join(from.firmware, 'usr/lib/raspi-firmware/bootcode.bin'))],
    ['autoboot.txt', Buffer.from(autoboot)],
  ]);
}

export function kernelVersion({ kernel }: Pick<Unpacked, 'kernel'>): string {
  const [version = ''] = readdirSync(join(kernel, 'lib/modules'));
  return version;
}

function firstRoot(
  from: Unpacked,
  modules: ReadonlyMap<string, KernelModule>,
  assets: string,
): Uint8Array {
  const early = withNeeds(EARLY_MODULES, modules);
  const order = early.map(({ name }) => `${name}.ko\n`).join('');
  const folders = ['dev', 'proc', 'sys'].map(
    (path): Entry => ({ kind: 'folder', path, mode: 0o755 }),
  );
  const tree = treeOf([
    ...folders,
    file('bin/busybox', readFileSync(join(from.programs, 'bin/busybox')), 0o755),
    file('init', readFileSync(join(assets, 'first')), 0o755),
    file('lib/modules/order', order),
    ...early.map(({ name, bytes }) => file(`lib/modules/${name}.ko`, bytes)),
  ]);
  return gzip(writeCpio(tree));
}
