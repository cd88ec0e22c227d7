// `kith flash list`.

import { formatBytes, formatTable } from '../../agent/commands/table.js';
import type { Program } from '../command.js';
import { type Device, listDevices } from './devices.js';

export const list: Program = {
  run(_given, { json, out, error }) {
    const devices = listDevices();
    if (json) out(`${JSON.stringify({ devices }, null, 2)}\n`);
    else if (devices.length > 0) out(`${table(devices)}\n`);
    if (!json && !devices.some(isTarget))
      error('No card or stick to write to: put one in, and look again.\n');
    return Promise.resolve(0);
  },
};

export function isTarget(device: Device): boolean {
  const { system, readOnly, mounted, inUse, kind } = device;
  return !system && !readOnly && mounted.length === 0 && !inUse && kind !== 'fixed';
}

function table(devices: readonly Device[]): string {
  const rows = devices.map((device) => [
    device.path,
    formatBytes(device.size),
    KINDS[device.kind],
    device.model || '-',
    remarks(device).join(', '),
  ]);
  return formatTable([['device', 'size', 'kind', 'model', ''], ...rows]);
}

const KINDS = {
  usb: 'USB',
  card: 'card',
  loop: 'file',
  removable: 'removable',
  fixed: 'built in',
} as const;

function remarks({ system, readOnly, mounted, inUse }: Device): string[] {
  const said: string[] = [];
  if (system) said.push('this system lies on it');
  else if (mounted.length > 0) said.push(`mounted at ${mounted.join(' ')}`);
  if (inUse) said.push('in use by encryption, LVM or RAID');
  if (readOnly) said.push('read-only');
  return said;
}
