// The block devices of this machine that a person could mean: cards, sticks and disks, from /sys
// and /proc alone. Whatever carries a part of the running system is marked, through partitions,
// LVM, encryption and RAID (a device's `holders`).

import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';

export type Device = Readonly<{
  path: string; // /dev/sdb
  model: string; // '' where it says none
  size: number; // bytes
  sector: number; // bytes: what is written at once
  /** How it hangs here; `fixed` is built in. */
  kind: 'usb' | 'card' | 'loop' | 'removable' | 'fixed';
  readOnly: boolean;
  mounted: readonly string[]; // where, and `swap`
  system: boolean; // the running system lies on it
  inUse: boolean; // by encryption, LVM or RAID
}>;

/** Made by the kernel out of something else, or no place for an image. */
const NOT_MEANT = /^(ram|zram|dm-|md|sr|fd|nbd|mtdblock|ubiblock)|^mmcblk\d+(boot\d+|rpmb)$/;
const SYSTEM = /^\/$|^\/(boot|usr|var|etc|home|opt|root|srv|rom|overlay)(\/|$)/;
const SECTOR = 512; // /sys counts in these, whatever the device has

/** `root` is where /sys, /proc and /dev are looked for. */
export function listDevices(root = '/'): Device[] {
  const block = join(root, 'sys/block');
  const uses = usesOf(root);
  return listed(block)
    .filter((name) => !NOT_MEANT.test(name))
    .map((name) => describe(block, name, uses))
    .filter(({ size }) => size > 0) // a reader without a card, a loop device without a file
    .sort((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }));
}

/** The disk that a partition belongs to; undefined where this is no partition. */
export function diskOfPartition(name: string, root = '/'): string | undefined {
  const place = join(root, 'sys/class/block', name);
  if (textOf(join(place, 'partition')) === '') return undefined;
  return basename(join(realpathSync(place), '..'));
}

function describe(block: string, name: string, uses: readonly Use[]): Device {
  const place = join(block, name);
  const parts = [place, ...partitions(place).map((part) => join(place, part))];
  const all = withHolders(block, parts);
  const numbers = new Set(all.map((one) => textOf(join(one, 'dev'))));
  const names = new Set(all.map((one) => basename(one)));
  const found = uses.filter(({ number, device }) => numbers.has(number) || names.has(device));
  const mounted = [...new Set(found.map(({ where }) => where))];
  return {
    path: `/dev/${name.replaceAll('!', '/')}`,
    model: modelOf(place),
    size: Number(textOf(join(place, 'size'))) * SECTOR,
    sector: Number(textOf(join(place, 'queue/logical_block_size'))) || SECTOR,
    kind: kindOf(place, name),
    readOnly: textOf(join(place, 'ro')) === '1',
    mounted,
    system: mounted.some((where) => where === 'swap' || SYSTEM.test(where)),
    inUse: all.length > parts.length,
  };
}

function kindOf(place: string, name: string): Device['kind'] {
  if (name.startsWith('loop')) return 'loop';
  const path = realpathSync(place);
  if (name.startsWith('mmcblk'))
    return textOf(join(place, 'device/type')) === 'MMC' ? 'fixed' : 'card';
  if (/\/usb\d/.test(path)) return 'usb';
  return textOf(join(place, 'removable')) === '1' ? 'removable' : 'fixed';
}

function modelOf(place: string): string {
  const file = textOf(join(place, 'loop/backing_file'));
  if (file !== '') return file;
  const words = ['vendor', 'model', 'name'].map((key) => textOf(join(place, 'device', key)));
  const said = words.filter((word) => word !== '' && !/^0x[0-9a-f]+$/i.test(word));
  return said.join(' ').replace(/[^ -~]/g, '?'); // what a device says of itself is no mark-up
}

function partitions(place: string): string[] {
  const name = basename(place);
  return listed(place).filter((one) => one.startsWith(name) && hasFile(place, one));
}

function hasFile(place: string, partition: string): boolean {
  return textOf(join(place, partition, 'partition')) !== '';
}

/** These places and whatever is built upon them, to any depth. */
function withHolders(block: string, places: readonly string[]): string[] {
  const all = [...places];
  for (const place of all)
    for (const holder of listed(join(place, 'holders'))) {
      const path = join(block, holder);
      if (!all.includes(path)) all.push(path);
    }
  return all;
}

type Use = Readonly<{ number: string; device: string; where: string }>;

function usesOf(root: string): Use[] {
  const mounts = textOf(join(root, 'proc/self/mountinfo')).split('\n').flatMap(mountOf);
  const swaps = textOf(join(root, 'proc/swaps')).split('\n').slice(1);
  const swapped = swaps.flatMap((line) => {
    const [path = ''] = line.split(/\s/);
    return path === '' ? [] : [{ number: '', device: nameOf(path), where: 'swap' }];
  });
  return [...mounts, ...swapped];
}

/** proc(5): `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`. */
function mountOf(line: string): Use[] {
  const [, , number = '', , where = ''] = line.split(' ');
  const [, source = ''] = line.split(' - ')[1]?.split(' ') ?? [];
  if (where === '') return [];
  const place = where.replace(/\\(\d{3})/g, (_all, code) =>
    String.fromCharCode(Number.parseInt(code, 8)),
  );
  // btrfs numbers its mounts apart from the device, and names that as the source
  return [{ number, device: source.startsWith('/dev/') ? nameOf(source) : '', where: place }];
}

function nameOf(path: string): string {
  try {
    return basename(realpathSync(path));
  } catch {
    return basename(path);
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return ''; // not every device has every file, and any may be pulled meanwhile
  }
}

function listed(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
