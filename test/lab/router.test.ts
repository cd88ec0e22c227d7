// needs: openssh-client, openssh-server, dropbear-bin, busybox-static
// deadline: 60
// `kith flash router` with the real ssh, against OpenSSH's server and dropbear, where busybox is
// all there is.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from './namespaces.js';
import { KITH } from './node.js';
import { SshRouter } from './sshrouter.js';

const HOST = 'root@192.168.1.1';
const FILES = [
  ['kith-runtime', randomBytes(3_000_000)],
  ['kith', randomBytes(200_000)],
] as const;

type Desk = Readonly<{
  lab: Lab;
  publicKey: string;
  run(...args: string[]): ReturnType<Lab['run']>;
  runWith(input: string, ...args: string[]): ReturnType<Lab['run']>;
}>;

/** A desk with packages, a key and an ssh of its own settings; the router has an address. */
async function desk(): Promise<Desk> {
  const lab = await Lab.create('router');
  await lab.namespace('desk');
  await lab.namespace('router');
  await lab.connect('desk', 'router', { addresses: [['192.168.1.2/24'], ['192.168.1.1/24']] });
  const at = (name: string) => join(lab.folder, name);
  for (const folder of ['bin', 'packages']) mkdirSync(at(folder));
  await lab.must(null, 'ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', at('key'));
  const ssh = (await lab.must(null, 'sh', '-c', 'command -v ssh')).trim();
  const known = `-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${at('known')}`;
  writeFileSync(at('bin/ssh'), `#!/bin/sh\nexec ${ssh} -F none ${known} "$@"\n`, { mode: 0o755 });
  const rows = FILES.map(([name, bytes]) => {
    const file = `${name}_0.2.0_aarch64.ipk`;
    writeFileSync(at(`packages/${file}`), bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const sizes = { bytes: bytes.length, installedBytes: bytes.length, sha256 };
    const architectures = ['aarch64_cortex-a53'];
    return { file, package: name, kind: 'ipk', architectures, version: '0.2.0', ...sizes };
  });
  writeFileSync(at('packages/packages.json'), JSON.stringify(rows));
  const path = `PATH=${at('bin')}:${process.env.PATH}`;
  const command = ['env', path, process.execPath, KITH, 'flash', 'router', HOST];
  const flags = ['--identity', at('key'), '--packages', at('packages')];
  const runWith = (input: string, ...args: string[]) =>
    lab.runWith('desk', { input }, ...command, ...flags, ...args);
  const publicKey = readFileSync(at('key.pub'), 'utf8');
  return { lab, publicKey, runWith, run: (...args) => runWith('', ...args) };
}

const router = suite('lab/router');

router(
  'OpenSSH: looked at, installed, provisioned, well; the password of nobody is seen',
  async () => {
    const { lab, publicKey, run, runWith } = await desk();
    const machine = new SshRouter(lab);
    try {
      await machine.furnish('aarch64_cortex-a53', 512);
      await machine.openssh('router', publicKey);
      const dry = await run('--dry-run');
      assert.is(dry.code, 0, dry.stderr);
      assert.match(dry.stderr, /openwrt 24\.10\.0, \S+, 512 MiB of memory, .* free on \//);
      assert.not(existsSync(machine.path('tmp/kith')), 'nothing was sent');
      const settings = JSON.stringify({ version: 1, pin: '2468' });
      const whole = await runWith(settings, '--settings', '-', '--json');
      assert.is(whole.code, 0, whole.stderr);
      const lines = whole.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.equal(lines.at(-1), { done: true, name: 'hut', version: '0.2.0', inMesh: true });
      assert.ok(lines.some(({ phase, percent }) => phase === 'upload' && percent === 100));
      const installed = readFileSync(machine.path('opt/installed'));
      assert.ok(installed.equals(Buffer.concat(FILES.map(([, bytes]) => bytes))), 'runtime first');
      assert.equal(JSON.parse(readFileSync(machine.path('tmp/setup'), 'utf8')), {
        version: 1,
        pin: '2468',
      });
      const log = readFileSync(machine.path('tmp/opkg.log'), 'utf8');
      assert.match(log, /install .*\nupdate\ninstall /, 'the feeds were asked for what is missing');
      assert.equal(
        readdirSync(machine.path('tmp')).filter((name) => name.startsWith('kith.')),
        [],
      );
    } finally {
      await lab.dispose();
      machine.remove();
    }
  },
);

router('dropbear: what is refused, what fails, and what is left behind', async () => {
  const { lab, publicKey, run } = await desk();
  const machine = new SshRouter(lab);
  try {
    const nobody = await run();
    assert.match(nobody.stderr, /192\.168\.1\.1: .*(refused|timed out)/);
    await machine.furnish('mipsel_24kc', 512);
    await machine.dropbear('router', publicKey);
    assert.match((await run()).stderr, /no package for its CPU \(all, mipsel_24kc, opkg\)/);
    machine.become('aarch64_cortex-a53', 128);
    assert.match(
      (await run()).stderr,
      /nothing was changed: it has 128 MiB of memory, kith needs 200 MiB/,
    );
    machine.become('aarch64_cortex-a53', 512);
    machine.put('tmp/broken', '');
    const broken = await run();
    assert.is(broken.code, 1);
    assert.match(broken.stderr, /installing failed \(code 254\): .*no space left on device/);
    assert.equal(
      readdirSync(machine.path('tmp')).filter((name) => name.startsWith('kith.')),
      [],
    );
    writeFileSync(join(lab.folder, 'packages/kith_0.2.0_aarch64.ipk'), 'another one');
    assert.match((await run()).stderr, /kith_0\.2\.0_aarch64\.ipk arrived damaged/);
    const stranger = await run('--identity', '/dev/null', '--json');
    assert.is(stranger.code, 1);
    assert.match((await run('--port', '23')).stderr, /refused/);
  } finally {
    await lab.dispose();
    machine.remove();
  }
});

router.run();
