// What does not speak WireGuard.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Arena, Side } from '../arena.js';
import { SIDES } from '../arena.js';
import type { Rival } from './rival.js';

/** The bare veth pair: what two kernels do without any tunnel. */
export const baseline: Rival = {
  name: 'baseline',
  cipher: 'none',
  packages: [],
  program: 'ip',
  mtu: 1500,
  version: ['uname', '-r'],
  up: async (arena) => {
    arena.target = arena.under.b;
  },
};

/** tinc 1.0, router mode, its default cipher and digest. */
export const tinc: Rival = {
  name: 'tinc',
  cipher: 'AES-256-CBC, HMAC-SHA256',
  packages: ['tinc'],
  program: 'tincd',
  mtu: 1500,
  version: ['tincd', '--version'],
  prepare: async (arena) => {
    const hosts: Record<string, string> = {};
    for (const side of SIDES) {
      const folder = join(arena.lab.folder, `tinc-${side}`);
      mkdirSync(join(folder, 'hosts'), { recursive: true });
      const settings = ['AddressFamily = ipv4', 'Mode = router', 'DeviceType = tun'];
      settings.push(`Name = ${side}`, `Interface = ${arena.device[side]}`);
      settings.push('UDPRcvBuf = 4194304', 'UDPSndBuf = 4194304');
      if (side === 'a') settings.push('ConnectTo = b');
      writeFileSync(join(folder, 'tinc.conf'), `${settings.join('\n')}\n`);
      const host = join(folder, 'hosts', side);
      const subnet = `Address = ${arena.under[side]}\nSubnet = ${arena.over[side]}/32\n`;
      writeFileSync(host, subnet);
      await arena.lab.must(null, 'tincd', '-c', folder, '-K2048');
      hosts[side] = await arena.lab.must(null, 'cat', host);
    }
    for (const side of SIDES) {
      const other = arena.other(side);
      arena.file(`tinc-${side}/hosts/${other}`, hosts[other] ?? '');
    }
  },
  up: async (arena, side) => {
    const folder = join(arena.lab.folder, `tinc-${side}`);
    arena.spawn(side, {}, 'tincd', '-c', folder, '-D', `--pidfile=${folder}/pid`);
    await arena.deviceUp(side);
    await arena.addressDevice(side, 1500);
  },
};

/** n2n 1.3 knows Twofish only. Its supernode runs on side b and is counted there. */
export const n2n: Rival = {
  name: 'n2n',
  cipher: 'Twofish-CBC, no authentication',
  packages: ['n2n'],
  program: 'edge',
  mtu: 1400,
  version: ['dpkg-query', '--status', 'n2n'],
  up: async (arena, side) => {
    if (side === 'b') arena.spawn('b', {}, 'supernode', '-l', '7654');
    const hardware = `02:00:00:00:00:0${side === 'a' ? 1 : 2}`;
    const network = ['-a', arena.over[side], '-s', '255.255.255.0', '-m', hardware, '-M', '1400'];
    const community = ['-c', 'bench', '-k', 'bench-key-only', '-l', `${arena.under.b}:7654`];
    const user = ['-u', '0', '-g', '0', '-p', '5000'];
    const command = ['-d', arena.device[side], ...network, ...community, ...user];
    arena.spawn(side, {}, 'edge', ...command);
    await arena.deviceUp(side);
  },
};

/** nebula, with the largest MTU that fits into 1500 instead of its 1300. */
function nebula(cipher: 'chachapoly' | 'aes', words: string): Rival {
  return {
    name: `nebula-${cipher}`,
    cipher: words,
    packages: ['nebula'],
    program: 'nebula',
    mtu: 1440,
    version: ['nebula', '-version'],
    prepare: async (arena) => {
      const { folder } = arena.lab;
      const cert = (...args: string[]) => arena.lab.must(null, 'nebula-cert', ...args);
      const authority = [`${folder}/ca.crt`, `${folder}/ca.key`] as const;
      await cert('ca', '-name', 'bench', '-out-crt', authority[0], '-out-key', authority[1]);
      for (const side of SIDES) {
        const out = ['-out-crt', `${folder}/${side}.crt`, '-out-key', `${folder}/${side}.key`];
        const by = ['-ca-crt', authority[0], '-ca-key', authority[1]];
        await cert('sign', ...by, '-name', side, '-ip', `${arena.over[side]}/24`, ...out);
        arena.file(`${side}.yml`, nebulaSettings(arena, side, cipher));
      }
    },
    up: async (arena, side) => {
      arena.spawn(side, {}, 'nebula', '-config', join(arena.lab.folder, `${side}.yml`));
      await arena.deviceUp(side);
    },
  };
}

function nebulaSettings(arena: Arena, side: Side, cipher: string): string {
  const other = arena.other(side);
  const { folder } = arena.lab;
  const everybody = [{ port: 'any', proto: 'any', host: 'any' }];
  return JSON.stringify({
    pki: { ca: `${folder}/ca.crt`, cert: `${folder}/${side}.crt`, key: `${folder}/${side}.key` },
    static_host_map: { [arena.over[other]]: [`${arena.under[other]}:4242`] },
    lighthouse: { am_lighthouse: false, interval: 60, hosts: [] },
    listen: {
      host: '0.0.0.0',
      port: 4242,
      batch: 64,
      read_buffer: 10_485_760,
      write_buffer: 10_485_760,
    },
    cipher,
    tun: { dev: arena.device[side], mtu: 1440, tx_queue: 500 },
    logging: { level: 'error', format: 'text' },
    firewall: { outbound: everybody, inbound: everybody },
  });
}

export const nebulaChacha = nebula('chachapoly', 'ChaCha20-Poly1305');
export const nebulaAes = nebula('aes', 'AES-256-GCM');

/** fastd in tun mode with the largest MTU that fits. It has no ChaCha20. */
export const fastd: Rival = {
  name: 'fastd',
  cipher: 'Salsa20/12, UMAC',
  packages: ['fastd'],
  program: 'fastd',
  mtu: 1448,
  version: ['fastd', '--version'],
  prepare: async (arena) => {
    const secrets: Record<string, string> = {};
    const publics: Record<string, string> = {};
    for (const side of SIDES) {
      const made = await arena.lab.must(null, 'fastd', '--generate-key');
      secrets[side] = /Secret: (\w+)/.exec(made)?.[1] ?? '';
      publics[side] = /Public: (\w+)/.exec(made)?.[1] ?? '';
    }
    for (const side of SIDES) {
      const other = arena.other(side);
      const settings = ['log level warn;', 'mode tun;', 'mtu 1448;', 'method "salsa2012+umac";'];
      settings.push(`interface "${arena.device[side]}";`, `bind ${arena.under[side]}:10000;`);
      settings.push(`secret "${secrets[side]}";`);
      settings.push(
        `peer "${other}" { key "${publics[other]}"; remote ${arena.under[other]}:10000; }`,
      );
      arena.file(`${side}.conf`, `${settings.join('\n')}\n`);
    }
  },
  up: async (arena, side) => {
    arena.spawn(side, {}, 'fastd', '--config', join(arena.lab.folder, `${side}.conf`));
    await arena.deviceUp(side);
    await arena.addressDevice(side, 1448);
  },
};

/** quicktun's `nacltai`; its newer protocol aborts with the libsodium of Debian 12. */
export const quicktun: Rival = {
  name: 'quicktun',
  cipher: 'XSalsa20-Poly1305',
  packages: ['quicktun'],
  program: 'quicktun',
  mtu: 1440,
  version: ['dpkg-query', '--status', 'quicktun'],
  prepare: async (arena) => {
    for (const side of SIDES) {
      const { stdout, stderr } = await arena.lab.run(null, 'keypair');
      const found = (word: string) =>
        new RegExp(`${word}: (\\w+)`).exec(stdout + stderr)?.[1] ?? '';
      arena.file(`${side}.secret`, found('SECRET'));
      arena.file(`${side}.public`, found('PUBLIC'));
    }
  },
  up: async (arena, side) => {
    const { lab, under, device } = arena;
    const other = arena.other(side);
    const key = (file: string) => lab.must(null, 'cat', join(lab.folder, file));
    const env = {
      IFACE: device[side], // the settings then have the names that Debian's ifupdown scripts give
      IF_QT_INTERFACE: device[side],
      IF_QT_PROTOCOL: 'nacltai',
      IF_QT_TUN_MODE: '1',
      IF_QT_LOCAL_ADDRESS: under[side],
      IF_QT_REMOTE_ADDRESS: under[other],
      IF_QT_LOCAL_PORT: '2998',
      IF_QT_REMOTE_PORT: '2998',
      IF_QT_PRIVATE_KEY: await key(`${side}.secret`),
      IF_QT_PUBLIC_KEY: await key(`${other}.public`),
    };
    arena.spawn(side, { env }, 'quicktun');
    await arena.deviceUp(side);
    await arena.addressDevice(side, 1440);
  },
};
