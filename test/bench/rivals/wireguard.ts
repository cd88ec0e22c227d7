// What speaks WireGuard: kith with each of its engines, and wireguard-go of two ages. All are
// configured by `wg`, with wireguard-go's default MTU.

import { join } from 'node:path';
import type { Arena, Side } from '../arena.js';
import { trixieProgram } from '../debian.js';
import type { Rival } from './rival.js';

export const KITH = join(import.meta.dirname, '../../../dist/kith.js');
const MTU = 1420;
const PORT = 51820;

async function keys(arena: Arena): Promise<void> {
  for (const side of ['a', 'b'] as const) {
    const secret = (await arena.lab.must(null, 'wg', 'genkey')).trim();
    const { stdout } = await arena.lab.runWith(null, { input: secret }, 'wg', 'pubkey');
    arena.file(`${side}.key`, secret);
    arena.file(`${side}.pub`, stdout.trim());
  }
}

async function up(arena: Arena, side: Side, env: Record<string, string>, command: string[]) {
  const other = arena.other(side);
  arena.spawn(side, { env }, ...command, '-f', arena.device[side]);
  await arena.deviceUp(side);
  const { folder } = arena.lab;
  const script = `wg set "$1" private-key ${folder}/${side}.key listen-port ${PORT} \
    peer $(cat ${folder}/${other}.pub) allowed-ips ${arena.over[other]}/32 \
    endpoint ${arena.under[other]}:${PORT}`;
  const set = async () => {
    const ran = await arena.lab.run(side, 'sh', '-c', script, 'sh', arena.device[side]);
    return ran.code === 0;
  };
  await arena.lab.waitFor(set, 10_000, 'configuration socket');
  await arena.addressDevice(side, MTU);
}

const common = {
  cipher: 'ChaCha20-Poly1305',
  mtu: MTU,
  prepare: keys,
} as const;

export const wireguardGo: Rival = {
  ...common,
  name: 'wireguard-go',
  packages: ['wireguard-go', 'wireguard-tools'],
  program: 'wireguard-go',
  version: ['wireguard-go', '--version'],
  up: (arena, side) => up(arena, side, { LOG_LEVEL: 'error' }, ['wireguard-go']),
};

/** With TUN offloads and UDP GSO/GRO, from the Debian release after the one of 2023. */
export const wireguardGo2023: Rival = {
  ...common,
  name: 'wireguard-go-2023',
  packages: ['wireguard-tools'],
  program: trixieProgram('wireguard-go'),
  version: [trixieProgram('wireguard-go'), '--version'],
  up: (arena, side) => up(arena, side, { LOG_LEVEL: 'error' }, [trixieProgram('wireguard-go')]),
};

function kith(name: string, cipher: string): Rival {
  return {
    ...common,
    name,
    packages: ['wireguard-tools'],
    program: KITH,
    version: [process.execPath, KITH, '--version'],
    up: (arena, side) => up(arena, side, { KITH_CIPHER: cipher }, [process.execPath, KITH, 'wg']),
  };
}

export const kithAuto = kith('kith', 'auto');
export const kithEngines = ['openssl', 'simd', 'noble'].map((cipher) =>
  kith(`kith-${cipher}`, cipher),
);
