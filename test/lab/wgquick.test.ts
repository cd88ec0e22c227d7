// deadline: 120
// needs: wireguard-tools, tun
//
// wg-quick with kith in wireguard-go's place: up, traffic, show, save, down.

import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from './namespaces.js';
import { KITH, keyPair } from './node.js';

const wgquick = suite('lab/wgquick');

wgquick('brings two interfaces up and down again', async () => {
  const lab = await Lab.create('wgquick');
  try {
    await lab.namespace('a');
    await lab.namespace('b');
    await lab.connect('a', 'b', { addresses: [['198.18.0.1/24'], ['198.18.0.2/24']] });
    const program = join(lab.folder, 'kith-wg');
    symlinkSync(KITH, program);
    const quick = (side: string, action: string, file: string) => {
      const implementation = `WG_QUICK_USERSPACE_IMPLEMENTATION=${program}`;
      return lab.must(side, 'env', implementation, 'wg-quick', action, file);
    };
    const [keyA, keyB] = [keyPair(), keyPair()];
    const a = write(lab, 'a', keyA.privateKey, '10.9.0.1/24', [
      `PublicKey = ${keyB.publicKey}`,
      'AllowedIPs = 10.9.0.2/32',
    ]);
    const b = write(lab, 'b', keyB.privateKey, '10.9.0.2/24', [
      `PublicKey = ${keyA.publicKey}`,
      'AllowedIPs = 10.9.0.0/24',
      'Endpoint = 198.18.0.1:51820',
    ]);
    await quick('a', 'up', a.file);
    await quick('b', 'up', b.file);
    await lab.must('b', 'ping', '-c', '3', '-i', '0.2', '-W', '2', '10.9.0.1');
    const endpoints = await lab.must('a', 'wg', 'show', a.name, 'endpoints');
    assert.match(endpoints, /198\.18\.0\.2:51820/);
    await quick('a', 'save', a.file);
    assert.match(readFileSync(a.file, 'utf8'), /Endpoint = 198\.18\.0\.2:51820/);

    for (const [side, { file, name }] of [
      ['a', a],
      ['b', b],
    ] as const) {
      await quick(side, 'down', file);
      const socket = `/var/run/wireguard/${name}.sock`;
      await lab.waitFor(() => !existsSync(socket), 3_000, `end of ${socket}`);
    }
  } finally {
    await lab.dispose();
  }
});

function write(
  lab: Lab,
  label: string,
  privateKey: string,
  address: string,
  peer: readonly string[],
): { name: string; file: string } {
  const name = lab.interfaceName(label);
  const file = join(lab.folder, `${name}.conf`);
  const own = [`PrivateKey = ${privateKey}`, `Address = ${address}`, 'ListenPort = 51820'];
  const text = ['[Interface]', ...own, '[Peer]', ...peer].join('\n');
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  return { name, file };
}

wgquick.run();
