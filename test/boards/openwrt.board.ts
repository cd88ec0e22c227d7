// Our packages in the hands of the real opkg and apk, on a root of busybox and musl: from the
// signed feed onto it, started on a TUN device, upgraded, removed without a trace; altered ones
// refused.

import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeApk } from '../../flash/package/apk.js';
import { buildPackages } from '../../flash/package/build.js';
import { Fetched } from '../../flash/package/fetched.js';
import { writeIpk } from '../../flash/package/ipk.js';
import { feedKeys } from '../../flash/package/keys.js';
import { gzip } from '../../flash/package/tar.js';
import { TARGETS } from '../../flash/package/targets.js';
import { type Entry, file, treeOf } from '../../flash/package/tree.js';
import { difference, filesIn, ownedFolders } from '../flash/package/root.js';
import { folder, sample } from '../flash/package/sample.js';
import { CACHE } from './cache.js';
import { Router, type Said } from './router.js';

const openwrt = suite('boards/openwrt');
const ROOT = join(import.meta.dirname, '../..');
const CPU = 'x86_64';
// Stood in for by empty packages; one has the folders that belong to the system.
const OF_OPENWRT = ['base-files', 'kmod-tun', 'kmod-loop', 'ip-full'];

async function feed(version: string, withRuntime: boolean): Promise<string> {
  const out = folder(`feed-${version}`);
  const targets = TARGETS.filter(({ name }) => name === `openwrt-${CPU}`);
  const order = { root: ROOT, version, time: 1_700_000_000, targets, withRuntime, out };
  const fetched = new Fetched(CACHE, () => {}, new AbortController().signal);
  await buildPackages(order, feedKeys(join(keys, 'feed-keys')), fetched, () => {});
  for (const name of OF_OPENWRT) {
    // apk looks at no files of a package that has nothing but empty ones
    const base = [...FOLDERS.map(emptyFolder), file('etc/banner', 'kith\n')];
    const tree = name === 'base-files' ? treeOf(base) : [];
    const empty = sample('1.0.0', { name, tree, conffiles: [], scripts: {} });
    writeFileSync(join(out, `${name}.ipk`), writeIpk(empty));
    const { bytes } = writeApk({ ...empty, architecture: 'noarch' }, undefined);
    writeFileSync(join(out, `${name}.apk`), bytes);
  }
  return out;
}

const FOLDERS = ownedFolders().filter((path) => path !== 'opt'); // OpenWrt has none
const emptyFolder = (path: string): Entry => ({ kind: 'folder', path, mode: 0o755 });

const keys = folder('keys');
const first = await feed('1.0.0', true);
const second = await feed('1.1.0', false);
const fileIn = (place: string, form: RegExp) => {
  const found = readdirSync(place).find((name) => form.test(name));
  if (found === undefined) throw new Error(`nothing like ${form} in ${place}`);
  return found;
};

type Way = Readonly<{
  tools: readonly string[];
  prepare(router: Router): void;
  update: string;
  local(...names: string[]): string; // installs files without a look at signatures
  install: string;
  upgrade: string; // the package `kith` of the second feed, `FILE`
  remove: string;
  file: RegExp;
  refusal: RegExp;
}>;

const OPKG: Way = {
  tools: ['opkg', 'usign'],
  prepare({ root }) {
    const at = (path: string) => join(root, path);
    for (const path of ['etc/opkg/keys', 'usr/lib/opkg/info'])
      mkdirSync(at(path), { recursive: true });
    const key = fileIn(first, /^opkg-.*\.pub$/);
    copyFileSync(join(first, key), at(`etc/opkg/keys/${key.slice(5, -4)}`));
    // OpenWrt's own does the same: opkg keeps lists packed, and the signature is of the plain one
    writeFileSync(
      at('usr/sbin/opkg-key'),
      '#!/bin/sh\n[ "$1" = verify ] || exit 1\n{ gunzip -c "$3" 2>/dev/null || cat "$3"; } |\n' +
        '  usign -V -P /etc/opkg/keys -q -x "$2" -m -\n',
      { mode: 0o755 },
    );
    writeFileSync(
      at('etc/opkg.conf'),
      'dest root /\nlists_dir ext /var/opkg-lists\noption check_signature\n' +
        `arch all 1\narch noarch 1\narch ${CPU} 10\nsrc/gz kith file:///feed\n`,
    );
  },
  update: 'opkg update',
  local: (...names) => `opkg install ${names.map((name) => `/feed/${name}.ipk`).join(' ')}`,
  install: 'opkg install kith',
  upgrade: 'opkg install FILE',
  remove: 'opkg remove kith kith-runtime',
  file: /^kith_.*\.ipk$/,
  refusal: /Signature check failed|verification failed/i,
};

const APK: Way = {
  tools: ['apk'],
  prepare({ root }) {
    const at = (path: string) => join(root, path);
    for (const path of ['etc/apk/keys', 'etc/apk/repositories.d', 'lib/apk/db'])
      mkdirSync(at(path), { recursive: true });
    writeFileSync(at('etc/apk/arch'), `${CPU}\n`);
    for (const path of ['etc/apk/world', 'lib/apk/db/installed']) writeFileSync(at(path), '');
    copyFileSync(join(first, 'apk-kith.pem'), at('etc/apk/keys/kith.pem'));
    const list = `/feed/packages-${CPU}.adb\n`;
    writeFileSync(at('etc/apk/repositories.d/customfeeds.list'), list);
  },
  update: 'apk update',
  local: (...names) =>
    `apk add --allow-untrusted ${names.map((name) => `/feed/${name}.apk`).join(' ')}`,
  install: 'apk add kith',
  upgrade: 'apk add FILE',
  remove: 'apk del kith kith-runtime',
  file: /^kith-\d.*\.apk$/,
  refusal: /UNTRUSTED signature|BAD signature|BAD archive|ADB (integrity|block) error/,
};

async function withRouter(way: Way, play: (router: Router) => void | Promise<void>): Promise<void> {
  const router = await Router.start(way.tools);
  try {
    way.prepare(router);
    mkdirSync(join(router.root, 'feed'));
    for (const name of readdirSync(first))
      copyFileSync(join(first, name), join(router.root, 'feed', name));
    await play(router);
  } finally {
    router.end();
  }
}

for (const [name, way] of [
  ['opkg', OPKG],
  ['apk', APK],
] as const) {
  openwrt(`${name}: from the signed feed, started, upgraded, removed without a trace`, () =>
    withRouter(way, async (router) => {
      const inside = (path: string) => readFileSync(join(router.root, path), 'utf8');
      router.do(`rmdir /opt && ${way.update}`);
      router.do(way.local(...OF_OPENWRT));
      const before = filesIn(router.root);
      router.do(way.install);
      assert.match(router.do('mount'), /\/usr\/lib\/kith\/runtime type squashfs \(ro/);
      assert.match(router.do('kith --version'), /^\d+\.\d+\.\d+/);
      await starts(router);
      writeFileSync(join(router.root, 'etc/config/kith'), 'mine\n');
      const newer = fileIn(second, way.file);
      copyFileSync(join(second, newer), join(router.root, 'feed', newer));
      router.do(way.upgrade.replace('FILE', `/feed/${newer}`));
      assert.is(inside('etc/config/kith'), 'mine\n');
      assert.equal(readdirSync(join(router.root, 'opt/kith/releases')), ['1.1.0']);
      assert.match(router.do('readlink /opt/kith/current'), 'releases/1.1.0');
      router.do('kith --version');
      router.do(way.remove);
      assert.not(/kith/.test(router.do('mount')));
      const trace = inside('trace').split('\n');
      assert.ok(trace.includes('postinst kith 0') && trace.includes('postinst kith 1'), `${trace}`);
      assert.is(trace.at(-3), 'prerm kith 0'); // before kith-runtime and the end of the file
      // What somebody changed stays, and the new one beside it; the rest is as it was.
      const left = difference(before, filesIn(router.root));
      const ours = left.filter(
        (line) => !/^[+-] trace |^\+ (feed|tmp\/|var\/run|var\/lock)/.test(line),
      );
      assert.equal(
        ours.filter((line) => !/^\+ etc\/config\/kith(-opkg|\.apk-new)? \d+$/.test(line)),
        [],
      );
    }),
  );

  openwrt(`${name}: an altered index and an altered package are refused`, () =>
    withRouter(way, (router) => {
      const alter = (path: string) => {
        const bytes = readFileSync(path);
        const at = Math.floor(bytes.length / 2);
        bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
        writeFileSync(path, bytes);
      };
      router.do(way.update);
      router.do(way.local(...OF_OPENWRT));
      alter(join(router.root, 'feed', fileIn(first, way.file)));
      const refused: Said = router.sh(way.install);
      assert.is.not(refused.code, 0, refused.text);
      assert.is.not(router.sh('kith --version').code, 0);
      const index = name === 'opkg' ? 'Packages' : `packages-${CPU}.adb`;
      const path = join(router.root, 'feed', index);
      if (name === 'opkg') writeFileSync(`${path}.gz`, repacked(readFileSync(path, 'utf8')));
      else alter(path);
      assert.match(router.sh(way.update).text, way.refusal);
    }),
  );
}

openwrt('a package for another processor is refused', () =>
  withRouter(OPKG, (router) => {
    const script = 'uname() { echo mips; }; . /tmp/preinst';
    router.do('cd /tmp && tar -xzOf /feed/kith_*.ipk ./control.tar.gz | tar -xz ./preinst');
    const { code, text } = router.sh(script);
    assert.is(code, 1);
    assert.match(text, `this package is for ${CPU}, and this machine is mips`);
    assert.is(router.sh('. /tmp/preinst').code, 0);
  }),
);

/** `kith up` makes its interface, with no library of glibc but our own. */
async function starts(router: Router): Promise<void> {
  router.do('(/opt/kith/launch up --state /tmp/state >/tmp/up 2>&1 & echo $! >/tmp/up.pid)');
  for (let tries = 0; router.sh('kith status --state /tmp/state').code !== 0; tries++) {
    if (tries > 60) assert.unreachable(`not up: ${readFileSync(join(router.root, 'tmp/up'))}`);
    await pause(500);
  }
  assert.match(router.do('/sbin/ip addr show kith0'), 'inet 100.');
  const maps = router.do('cat /proc/$(cat /tmp/up.pid)/maps');
  const mapped = new Set([...maps.matchAll(/ (\/\S*\.so\S*)$/gm)].map(([, path = '']) => path));
  assert.ok(mapped.size > 3);
  for (const path of mapped) assert.match(path, /^\/usr\/lib\/kith\/runtime\/lib\//);
  assert.match(maps, '/opt/kith/releases/1.0.0/native/koffi.node');
  router.do('kill $(cat /tmp/up.pid); sleep 2; rm -rf /tmp/state /tmp/up /tmp/up.pid');
}

function repacked(index: string): Uint8Array {
  const other = createHash('sha256').update('another').digest('hex');
  return gzip(Buffer.from(index.replace(/SHA256sum: \w+/, `SHA256sum: ${other}`)));
}

openwrt.run();
