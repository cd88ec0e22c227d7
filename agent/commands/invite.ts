// `kith invite`.

import { formatPrefix, parsePrefix } from '../bytes/address.js';
import { ROLES, type Role } from '../identity/member.js';
import type { Handler, View } from './command.js';
import { Failure } from './failure.js';
import type { Invited } from './meshstore.js';
import { formatSeconds } from './table.js';

type Given = Readonly<{ name: string; ttl: string; role: string; subnet: string; qr: boolean }>;

const TTL_MAX_MS = 366 * 24 * 3_600_000; // a word that opens for longer is forgotten, and found
const UNITS: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3600e3, d: 24 * 3600e3 };

export const invite: Handler<Given, Invited> = {
  run: (context, given) =>
    context.mesh.invite(given.name, {
      ttlMs: duration(given.ttl),
      roles: roles(given.role),
      subnets: subnets(given.subnet),
    }),
  async show(result, given, view) {
    const lines = [result.word];
    const left = formatSeconds(result.expires - Date.now() / 1000);
    view.remark(`For ${result.name}, once, within ${left}. There: kith join -`);
    if (result.endpoints.length === 0)
      view.remark('No address of this node is known: the newcomer has to be on the same network.');
    if (given.qr || view.terminal) lines.push('', await code(result.word, view));
    return lines.join('\n');
  },
};

/** `90s`, `30m`, `1h`, `7d` in milliseconds. Throws Failure. */
export function duration(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ms = Number(number) * (UNITS[unit] ?? 0);
  if (ms > 0 && ms <= TTL_MAX_MS) return ms;
  throw new Failure(
    `--ttl: "${text.slice(0, 32)}" is no time from 1s to 366d, such as 30m, 1h, 7d`,
  );
}

function roles(text: string): Role[] {
  if (text === 'none' || text === '') return [];
  return text.split(',').map((one) => {
    const role = ROLES.find((known) => known === one.trim());
    if (role) return role;
    throw new Failure(`--role: "${one.slice(0, 32)}" is none of ${ROLES.join(', ')}`);
  });
}

function subnets(text: string): string[] {
  if (text === '') return [];
  return text.split(',').map((one) => {
    const prefix = parsePrefix(one.trim());
    if (prefix) return formatPrefix(prefix);
    throw new Failure(`--subnet: "${one.slice(0, 64)}" is no prefix such as 192.168.7.0/24`);
  });
}

async function code(word: string, view: View): Promise<string> {
  const { qrText } = await import('./qr.js');
  const qr = qrText(word.toUpperCase(), view.color); // upper case makes a smaller code
  if (view.terminal && (qr.columns > view.columns || qr.rows > view.rows))
    view.remark(
      `The QR code needs a window of ${qr.columns} columns and ${qr.rows} rows; this one has ` +
        `${view.columns} and ${view.rows}. Make it larger, or its letters smaller.`,
    );
  return qr.text;
}
