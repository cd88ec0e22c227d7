// A root folder for package managers: busybox for their scripts, and nothing else.

import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { folder } from './sample.js';

const BUSYBOX = '/bin/busybox';
const FOLDERS = [
  ...['bin', 'dev', 'etc/config', 'etc/init.d', 'etc/uci-defaults', 'lib', 'opt', 'proc', 'root'],
  ...['run', 'sbin', 'sys', 'tmp', 'usr/bin', 'usr/sbin', 'usr/lib', 'var/lock', 'var/run'],
  ...['var/lib/dpkg/info', 'var/lib/dpkg/updates', 'var/log', 'etc/hotplug.d/iface'],
  ...['etc/hotplug.d/button', 'lib/netifd/proto', 'lib/upgrade/keep.d', 'usr/lib/systemd/system'],
];
// Programs of Debian that dpkg wants to see in its path.
const WANTED = ['ldconfig', 'start-stop-daemon'];

/** `installed`: Debian packages that dpkg takes for present. */
export function bareRoot(installed: readonly string[] = []): string {
  const root = folder('root');
  for (const path of FOLDERS) mkdirSync(join(root, path), { recursive: true });
  copyFileSync(BUSYBOX, join(root, 'bin/busybox'));
  const applets = execFileSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const name of applets)
    if (name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name));
  for (const name of WANTED)
    writeFileSync(join(root, 'sbin', name), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
  const architecture = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
  const status = installed.map((name) =>
    [
      `Package: ${name}`,
      'Status: install ok installed',
      `Architecture: ${architecture}`,
      'Multi-Arch: same',
      'Version: 99',
      'Maintainer: none',
      'Description: not really',
      '',
    ].join('\n'),
  );
  writeFileSync(join(root, 'var/lib/dpkg/status'), status.map((one) => `${one}\n`).join(''));
  const list = ownedFolders()
    .filter((path) => path !== 'opt') // as on Debian: it is there, and nobody's
    .map((path) => `/${path}\n`)
    .join('');
  for (const name of installed)
    writeFileSync(join(root, `var/lib/dpkg/info/${name}:${architecture}.list`), `/.\n${list}`);
  return root;
}

/** Folders that belong to nobody else are gone with the last package that has them. */
export function ownedFolders(): string[] {
  const all = FOLDERS.flatMap((path) => {
    const parts = path.split('/');
    return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
  });
  return [...new Set(all)].sort();
}

/** Throws with what dpkg said. */
export function dpkg(root: string, ...args: string[]): string {
  return execFileSync('dpkg', [`--root=${root}`, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      DEBIAN_FRONTEND: 'noninteractive',
    },
  });
}

/** All paths with their contents, but for the books that package managers keep. */
export function filesIn(root: string): string[] {
  const books =
    /^(var\/lib\/dpkg|var\/log|usr\/lib\/opkg|var\/opkg-lists|lib\/apk|etc\/apk|proc|dev)\//;
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !books.test(path))
    .map((path) => {
      const stat = lstatSync(join(root, path));
      return stat.isFile() && stat.size < 1_000_000
        ? `${path} ${readFileSync(join(root, path)).length}`
        : path;
    })
    .sort();
}

/** What one list has and the other has not: `+ path` and `- path`. */
export function difference(before: readonly string[], after: readonly string[]): string[] {
  return [
    ...after.filter((path) => !before.includes(path)).map((path) => `+ ${path}`),
    ...before.filter((path) => !after.includes(path)).map((path) => `- ${path}`),
  ];
}
