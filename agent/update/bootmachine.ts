// The Raspberry Pi as partitions.ts wants it. What the firmware did stands in the device tree; in a
// virtual machine, which has no such firmware, on the kernel's command line.

import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { AUTOBOOT_BYTES_MAX } from './autoboot.js';
import type { BootMachine, Pair } from './partitions.js';
import { reboot } from './rebootcall.js';
import { SlotFailure } from './slots.js';

const FIRMWARE = '/proc/device-tree/chosen/bootloader';
const ROOT_BEHIND_BOOT = 3; // p2 boot and p5 root, p3 boot and p6 root

export type BootOptions = Readonly<{
  disk: string; // such as mmcblk0
  autoboot: string; // autoboot.txt, on the mounted first partition
  runFolder: string; // in memory; the launcher looks there
}>;

export function bootMachine({ disk, autoboot, runFolder }: BootOptions): BootMachine {
  return {
    booted,
    pair: (boot) => pairOf(disk, boot),
    readAutoboot: () => readFileSync(autoboot, 'latin1'),
    writeAutoboot: (text) => overwrite(autoboot, text),
    reboot,
    markConfirmed() {
      mkdirSync(runFolder, { recursive: true });
      writeFileSync(`${runFolder}/confirmed`, '');
    },
  };
}

function booted(): { partition: number; tryboot: boolean } {
  const partition = cell(`${FIRMWARE}/partition`);
  if (partition !== undefined)
    return { partition, tryboot: (cell(`${FIRMWARE}/tryboot`) ?? 0) > 0 };
  return bootedOf(readFileSync('/proc/cmdline', 'latin1'));
}

/** `kith.partition=2 kith.tryboot=1`; whoever starts the virtual machine says it. */
export function bootedOf(commandLine: string): { partition: number; tryboot: boolean } {
  const [, partition] = /(?:^|\s)kith\.partition=(\d{1,3})(?:\s|$)/.exec(commandLine) ?? [];
  const tryboot = /(?:^|\s)kith\.tryboot=1(?:\s|$)/.test(commandLine);
  if (partition === undefined) throw new SlotFailure('the firmware does not say what it started');
  return { partition: Number(partition), tryboot };
}

/** A number of the device tree: 32 bits, big-endian. */
function cell(path: string): number | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  return bytes.length === 4 ? bytes.readUInt32BE(0) : undefined;
}

function pairOf(disk: string, bootPartition: number): Pair {
  const [boot, root] = [bootPartition, bootPartition + ROOT_BEHIND_BOOT].map(
    (number) => `/dev/${partitionName(disk, number)}`,
  );
  if (boot === undefined || root === undefined) throw new RangeError('"bootPartition" is none');
  return { boot, root, bootBytes: sizeOf(boot), rootBytes: sizeOf(root) };
}

/** A `p` stands between where the disk's own name ends with a digit. */
export function partitionName(disk: string, number: number): string {
  return /\d$/.test(disk) ? `${disk}p${number}` : `${disk}${number}`;
}

function sizeOf(device: string): number {
  const name = device.replace(/^\/dev\//, '');
  try {
    return 512 * Number(readFileSync(`/sys/class/block/${name}/size`, 'latin1'));
  } catch {
    throw new SlotFailure(`there is no partition ${device}`);
  }
}

/**
 * In place, at the same length: FAT knows no atomic rename, but all of it lies in one sector, and a
 * card writes whole sectors.
 */
export function overwrite(path: string, text: string): void {
  const file = openSync(path, 'r+');
  try {
    const { size } = fstatSync(file);
    if (size !== text.length || size > AUTOBOOT_BYTES_MAX)
      throw new SlotFailure(`${path} has changed meanwhile`);
    writeSync(file, Buffer.from(text, 'latin1'), 0, size, 0);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
