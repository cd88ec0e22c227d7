// Which board this is, from the files that every system of the kind has.

import type { Board, Look } from './board.js';
import { Debian } from './debian.js';
import { OpenWrt } from './openwrt.js';

const UNKNOWN = 'unknown machine';

export function detect(look: Look): Board {
  const model = modelOf(look);
  const release = look('/etc/openwrt_release');
  if (release !== undefined) {
    const version = variableOf(release, 'DISTRIB_RELEASE') ?? '';
    return new OpenWrt(model, `OpenWrt ${version}`.trim());
  }
  const system = variableOf(look('/etc/os-release') ?? '', 'PRETTY_NAME');
  return new Debian(model, system ?? 'Linux');
}

/** The device tree on ARM (it ends in a zero byte), DMI on a PC. */
function modelOf(look: Look): string {
  const paths = ['/tmp/sysinfo/model', '/proc/device-tree/model', '/sys/class/dmi/id/product_name'];
  for (const path of paths) {
    const text = look(path)?.replaceAll('\0', '').trim();
    if (text) return text.slice(0, 128);
  }
  return UNKNOWN;
}

/** `NAME=value`, `NAME="value"` or `NAME='value'` on a line of its own. */
function variableOf(text: string, name: string): string | undefined {
  const line = new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1];
  return line
    ?.trim()
    .replace(/^(["'])(.*)\1$/, '$2')
    .slice(0, 128);
}
