// The files by which a system starts the agent and knows of it: text files of board/, each with its
// place on the machine. Where one does not exist it is left out.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { System } from './targets.js';
import { type Entry, file } from './tree.js';

type Row = readonly [path: string, source: string, mode: number];

const FILES: Readonly<Record<System, readonly Row[]>> = {
  openwrt: [
    ['etc/init.d/kith', 'board/openwrt/kith.init', 0o755],
    ['etc/config/kith', 'board/openwrt/kith.config', 0o600],
    ['etc/uci-defaults/90-kith', 'board/openwrt/kith.defaults', 0o755],
    ['etc/hotplug.d/button/50-kith', 'board/openwrt/kith.button', 0o644],
    ['etc/hotplug.d/iface/90-kith', 'board/openwrt/kith.iface', 0o644],
    ['lib/netifd/proto/kith.sh', 'board/openwrt/kith.proto', 0o755],
    ['lib/upgrade/keep.d/kith', 'board/openwrt/kith.keep', 0o644],
    ['lib/kith/remove.sh', 'board/openwrt/remove.sh', 0o755],
  ],
  debian: [['usr/lib/systemd/system/kith.service', 'board/debian/kith.service', 0o644]],
};

/** Kept on an upgrade when somebody changed them. */
export const CONFFILES: Readonly<Record<System, readonly string[]>> = {
  openwrt: ['etc/config/kith'],
  debian: [],
};

export function boardFiles(system: System, root: string): Entry[] {
  return FILES[system].flatMap(([path, source, mode]) => {
    const from = join(root, source);
    return existsSync(from) ? [file(path, readFileSync(from), mode)] : [];
  });
}
