// deadline: 120
// needs: wireguard-tools, nftables, tun
//
// wg-quick with kith in wireguard-go's place: up, traffic, show, save, down; also as the way out to
// everywhere, which is where wg-quick needs the interface's mark.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from './namespaces.js';
import { KITH, keyPair } from './node.js';

type File = Readonly<{ name: string; file: string }>;

class Stage {
  private constructor(
    readonly lab: Lab,
    private readonly script: string,
  ) {}

  /** Namespaces a and b with a link. */
  static async set(name: string): Promise<Stage> {
    const lab = await Lab.create(name);
    await lab.namespace('a');
    await lab.namespace('b');
    await lab.connect('a', 'b', { addresses: [['198.18.0.1/24'], ['198.18.0.2/24']] });
    symlinkSync(KITH, join(lab.folder, 'kith-wg'));
    return new Stage(lab, withoutModule(lab));
  }

  quick(side: string, action: 'up' | 'down' | 'save', { file }: File): Promise<string> {
    const implementation = `WG_QUICK_USERSPACE_IMPLEMENTATION=${this.lab.folder}/kith-wg`;
    const command = ['unshare', '--mount', 'sh', '-e', this.script, action, file];
    return this.lab.must(side, 'env', implementation, ...command);
  }

  file(label: string, privateKey: string, own: readonly string[], peer: readonly string[]): File {
    const name = this.lab.interfaceName(label);
    const file = join(this.lab.folder, `${name}.conf`);
    const both = [`PrivateKey = ${privateKey}`, 'ListenPort = 51820'];
    const text = ['[Interface]', ...both, ...own, '[Peer]', ...peer].join('\n');
    writeFileSync(file, `${text}\n`, { mode: 0o600 });
    return { name, file };
  }

  /** wg-quick ends kith by deleting the interface. */
  async down(side: string, file: File): Promise<void> {
    const socket = `/var/run/wireguard/${file.name}.sock`;
    assert.ok(existsSync(socket), `kith serves ${file.name}`);
    await this.quick(side, 'down', file);
    await this.lab.waitFor(() => !existsSync(socket), 3_000, `end of ${socket}`);
  }
}

/**
 * wg-quick takes the kernel's WireGuard where there is one. This runs it, unchanged, where there
 * seems to be none: in a mount namespace of its own, without the module's folder, and with an `ip`
 * that knows no such link type.
 */
function withoutModule(lab: Lab): string {
  const ip = spawnSync('sh', ['-c', 'readlink -f "$(command -v ip)"'], { encoding: 'utf8' });
  const path = ip.stdout.trim();
  const [real, fake, script] = ['ip', 'fake-ip', 'wg-quick.sh'].map((name) =>
    join(lab.folder, name),
  );
  copyFileSync(path, real!);
  const refusal = 'case "$*" in *"type wireguard"*) echo "Unknown device type." >&2; exit 2;; esac';
  writeFileSync(fake!, `#!/bin/sh\n${refusal}\nexec ${real} "$@"\n`, { mode: 0o755 });
  const mounts = ['mount -t tmpfs none /sys/module', `mount --bind ${fake} ${path}`];
  writeFileSync(script!, `${mounts.join('\n')}\nexec wg-quick "$@"\n`);
  return script!;
}

const wgquick = suite('lab/wgquick');

wgquick('brings two interfaces up and down again', async () => {
  const stage = await Stage.set('wgquick');
  const { lab } = stage;
  try {
    const [keyA, keyB] = [keyPair(), keyPair()];
    const a = stage.file(
      'a',
      keyA.privateKey,
      ['Address = 10.9.0.1/24', 'SaveConfig = true'],
      [`PublicKey = ${keyB.publicKey}`, 'AllowedIPs = 10.9.0.2/32'],
    );
    const b = stage.file(
      'b',
      keyB.privateKey,
      ['Address = 10.9.0.2/24'],
      [`PublicKey = ${keyA.publicKey}`, 'AllowedIPs = 10.9.0.0/24', 'Endpoint = 198.18.0.1:51820'],
    );
    await stage.quick('a', 'up', a);
    await stage.quick('b', 'up', b);
    await lab.must('b', 'ping', '-c', '3', '-i', '0.2', '-W', '2', '10.9.0.1');
    const endpoints = await lab.must('a', 'wg', 'show', a.name, 'endpoints');
    assert.match(endpoints, /198\.18\.0\.2:51820/);
    await stage.quick('a', 'save', a);
    assert.match(readFileSync(a.file, 'utf8'), /Endpoint = 198\.18\.0\.2:51820/);
    await stage.down('a', a);
    await stage.down('b', b);
  } finally {
    await lab.dispose();
  }
});

wgquick('the way out to everywhere: its own datagrams go around it by their mark', async () => {
  const stage = await Stage.set('wgquick');
  const { lab } = stage;
  try {
    await lab.namespace('w');
    const world = [['203.0.113.1/24'], ['203.0.113.2/24', '192.0.2.9/32']] as const;
    await lab.connect('a', 'w', { addresses: world });
    await lab.must('a', 'ip', 'route', 'add', '192.0.2.9', 'via', '203.0.113.2');
    await lab.masquerade('a', 'w');
    const [keyA, keyB] = [keyPair(), keyPair()];
    const a = stage.file(
      'a',
      keyA.privateKey,
      ['Address = 10.9.0.1/24'],
      [`PublicKey = ${keyB.publicKey}`, 'AllowedIPs = 10.9.0.2/32'],
    );
    const b = stage.file(
      'b',
      keyB.privateKey,
      ['Address = 10.9.0.2/24, fd09::2/64'],
      [
        `PublicKey = ${keyA.publicKey}`,
        'AllowedIPs = 0.0.0.0/0, ::/0',
        'Endpoint = 203.0.113.1:51820', // not of the link: found by the default route alone
      ],
    );
    await lab.must('b', 'ip', 'route', 'add', 'default', 'via', '198.18.0.1');
    await stage.quick('a', 'up', a);
    await stage.quick('b', 'up', b);
    assert.is((await lab.must('b', 'wg', 'show', b.name, 'fwmark')).trim(), '0xca6c');
    assert.match(await lab.must('b', 'ip', 'route', 'get', '192.0.2.9'), `dev ${b.name}`);
    await lab.must('b', 'ping', '-c', '3', '-i', '0.2', '-W', '2', '192.0.2.9');
    const [, received] = (await lab.must('b', 'wg', 'show', b.name, 'transfer')).split('\t');
    assert.ok(Number(received) > 3 * 84, 'it came through the tunnel');

    await lab.must('b', 'wg', 'set', b.name, 'listen-port', '51999'); // new sockets, the same mark
    await lab.must('b', 'ping', '-c', '3', '-i', '0.2', '-W', '2', '192.0.2.9');

    await stage.down('b', b);
    assert.not.match(await lab.must('b', 'ip', 'rule'), 'suppress_prefixlength');
    assert.not.match(await lab.must('b', 'nft', 'list', 'tables'), 'wg-quick');
    assert.match(await lab.must('b', 'ip', 'route', 'get', '192.0.2.9'), 'via 198.18.0.1');
  } finally {
    await lab.dispose();
  }
});

wgquick.run();
