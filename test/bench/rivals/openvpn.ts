// openvpn over UDP, TLS, peer to peer, certificates checked by fingerprint. MTU 1500 with its own
// clamping of TCP segments, as shipped; larger socket buffers, no kernel offload.

import { join } from 'node:path';
import { SIDES } from '../arena.js';
import type { Rival } from './rival.js';

function openvpn(name: string, cipher: string): Rival {
  return {
    name,
    cipher,
    packages: ['openvpn', 'openssl'],
    program: 'openvpn',
    mtu: 1500,
    version: ['openvpn', '--version'],
    prepare: async (arena) => {
      const { lab, device, under, over } = arena;
      const fingerprints: Record<string, string> = {};
      for (const side of SIDES) {
        const files = ['-keyout', join(lab.folder, `${side}.pem`)];
        files.push('-out', join(lab.folder, `${side}.crt`));
        const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
        const request = ['req', '-x509', ...curve, '-days', '3', '-subj', `/CN=${side}`];
        await lab.must(null, 'openssl', ...request, ...files);
        const show = ['x509', '-in', files[3] ?? '', '-noout', '-fingerprint', '-sha256'];
        fingerprints[side] = (await lab.must(null, 'openssl', ...show)).split('=')[1]?.trim() ?? '';
      }
      for (const side of SIDES) {
        const other = arena.other(side);
        const lines = [`dev ${device[side]}`, 'dev-type tun', 'proto udp', 'port 1194'];
        lines.push(`local ${under[side]}`, `remote ${under[other]} 1194`);
        lines.push(`ifconfig ${over[side]} ${over[other]}`);
        lines.push(`cert ${side}.crt`, `key ${side}.pem`);
        lines.push(`peer-fingerprint ${fingerprints[other]}`);
        lines.push(`cipher ${cipher}`, `data-ciphers ${cipher}`);
        lines.push('sndbuf 4194304', 'rcvbuf 4194304', 'txqueuelen 1000', 'fast-io');
        lines.push('verb 1', 'disable-dco', ...(side === 'a' ? ['tls-client'] : ['tls-server']));
        if (side === 'b') lines.push('dh none');
        arena.file(`${side}.ovpn`, `${lines.join('\n')}\n`);
      }
    },
    up: async (arena, side) => {
      const { folder } = arena.lab;
      arena.spawn(side, {}, 'openvpn', '--cd', folder, '--config', join(folder, `${side}.ovpn`));
      // it makes its device late, after TLS: waiting for it here would keep the other from starting
      if (side === 'a') await arena.deviceUp('a');
    },
  };
}

export const openvpnChacha = openvpn('openvpn-chacha20', 'CHACHA20-POLY1305');
export const openvpnAes = openvpn('openvpn-aes256', 'AES-256-GCM');
