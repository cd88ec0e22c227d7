// The root of the image: Debian's programs without what only an installation needs, the kernel's
// modules for this board, the agent with its Node, and the scripts of board/pi.

import {
  chmodSync,
  cpSync,
  type Dirent,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Entry, file, link } from '../package/tree.js';
import { kernelVersion, type Unpacked } from './bootfiles.js';
import { MODULE_FOLDERS } from './debianpackages.js';
import { aliasList, dependencyList, type KernelModule, withNeeds } from './kernelmodules.js';

const MERGED = ['bin', 'sbin', 'lib']; // links to those in usr/, as in today's Debian

// Of no use where nothing is installed, nobody reads manuals, and busybox is the first program.
const LEFT_OUT = new RegExp(
  `^(${[
    'usr/share/(man|info|locale|lintian|bash-completion|zsh|perl5|bug|gitweb|sounds)',
    'usr/share/initramfs-tools',
    'usr/share/doc/[^/]+/(?!copyright)',
    'usr/lib/(systemd|udev|tmpfiles.d|sysusers.d|raspi-firmware)',
    'usr/lib/aarch64-linux-gnu/(perl|gconv|audit|engines-3|ossl-modules|systemd)',
    'etc/(init|init.d|default|cron[^/]*|systemd|dhcp|network|ifplugd|pam.d|ssl)',
    'var/cache',
  ].join('|')})`,
);

/** Of the Raspberry Pi 3, 4, 400, CM4 and Zero 2 W, and of USB sticks with the same chips. */
const CHIPS = /^(brcm\/(brcmfmac434|BCM43)|cypress\/cyfmac434|regulatory\.db)/;

const MODES: Readonly<Record<string, number>> = { tmp: 0o1777, root: 0o700, 'etc/shadow': 0o600 };

const SCRIPTS: readonly (readonly [string, string, number])[] = [
  ['usr/lib/kith/start', 'start', 0o755],
  ['usr/lib/kith/network', 'network', 0o755],
  ['usr/lib/kith/dhcp', 'dhcp', 0o755],
  ['usr/lib/kith/agent', 'agent', 0o755],
  ['usr/lib/kith/cardsetup', 'cardsetup', 0o755],
  ['usr/lib/kith/left.mjs', 'left.mjs', 0o644],
  ['usr/lib/kith/ssh', 'ssh', 0o755],
  ['usr/lib/kith/stop', 'stop', 0o755],
  ['usr/lib/kith/router.nft', 'router.nft', 0o644],
  ['etc/inittab', 'inittab', 0o644],
];

/** `own`: the agent and its Node, by their paths on the image. */
export function writeRoot(
  root: string,
  from: Unpacked,
  modules: ReadonlyMap<string, KernelModule>,
  own: readonly Entry[],
  assets: string,
): void {
  for (const name of MERGED) mkdirSync(join(root, 'usr', name), { recursive: true });
  copyMerged(from.programs, root, (path) => !LEFT_OUT.test(path));
  copyMerged(from.firmware, root, (path) => {
    if (LEFT_OUT.test(path)) return false;
    const [, below] = /^(?:usr\/)?lib\/firmware\/(.+)$/.exec(path) ?? [];
    return below === undefined || !below.includes('/') || CHIPS.test(below);
  });
  for (const entry of [...fixedFiles(assets), ...moduleFiles(from, modules), ...own])
    write(root, entry);
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true }))
    setMode(root, join(entry.parentPath, entry.name), entry);
}

/** Whatever the umask of who makes the image. */
function setMode(root: string, path: string, entry: Dirent): void {
  if (entry.isSymbolicLink()) return;
  const special = MODES[path.slice(root.length + 1)];
  const program = entry.isDirectory() || (statSync(path).mode & 0o111) !== 0;
  chmodSync(path, special ?? (program ? 0o755 : 0o644));
}

function fixedFiles(assets: string): Entry[] {
  const folders = 'boot/select data dev opt proc root run sys tmp var/lib'.split(' ');
  return [
    ...folders.map((path): Entry => ({ kind: 'folder', path, mode: 0o755 })),
    ...MERGED.map((name) => link(name, `usr/${name}`)),
    link('usr/sbin/init', '../bin/busybox'),
    link('var/run', '../run'),
    link('usr/bin/kith', '../../opt/kith/bin/kith'),
    file('etc/passwd', 'root::0:0:root:/root:/bin/sh\nnobody:*:65534:65534::/:/bin/false\n'),
    file('etc/group', 'root:x:0:\nnogroup:x:65534:\ndip:x:30:\n'),
    file('etc/shadow', 'root:*:0:0:99999:7:::\n', 0o600),
    file('etc/hosts', '127.0.0.1 localhost\n::1 localhost\n'),
    file('etc/resolv.conf', ''),
    file('etc/shells', '/bin/sh\n'),
    ...SCRIPTS.map(([path, name, mode]) => file(path, readFileSync(join(assets, name)), mode)),
  ];
}

function moduleFiles(from: Unpacked, all: ReadonlyMap<string, KernelModule>): Entry[] {
  const base = `usr/lib/modules/${kernelVersion(from)}`;
  const wanted = [...all.values()].filter(({ path }) =>
    MODULE_FOLDERS.some((one) => path === `kernel/${one}` || path.startsWith(`kernel/${one}/`)),
  );
  const kept = withNeeds(
    wanted.map(({ name }) => name),
    all,
  );
  const builtIn = join(from.kernel, 'lib/modules', kernelVersion(from), 'modules.builtin');
  return [
    ...kept.map(({ path, bytes }) => file(`${base}/${path}`, bytes)),
    file(`${base}/modules.dep`, dependencyList(kept)),
    file(`${base}/modules.alias`, aliasList(kept)),
    ...(existsSync(builtIn) ? [file(`${base}/modules.builtin`, readFileSync(builtIn))] : []),
  ];
}

/** What lies in bin, sbin and lib goes to usr/. */
function copyMerged(from: string, root: string, keep: (path: string) => boolean): void {
  const filter = (source: string) => keep(source.slice(from.length + 1));
  const options = { recursive: true, verbatimSymlinks: true, filter } as const;
  for (const name of ['usr', 'etc', 'var'])
    if (existsSync(join(from, name))) cpSync(join(from, name), join(root, name), options);
  for (const name of MERGED)
    if (existsSync(join(from, name))) cpSync(join(from, name), join(root, 'usr', name), options);
}

function write(root: string, entry: Entry): void {
  const path = join(root, entry.path);
  mkdirSync(dirname(path), { recursive: true });
  if (entry.kind === 'folder') mkdirSync(path, { recursive: true, mode: entry.mode });
  else if (entry.kind === 'link') symlinkSync(entry.target, path);
  else writeFileSync(path, entry.bytes, { mode: entry.mode });
}
