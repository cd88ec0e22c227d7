// A router made of a folder: busybox, musl's loader, OpenWrt's package managers, and none of glibc.
// It has mounts and a network of its own, which are gone with its first process.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bareRoot } from '../flash/package/root.js';

const MUSL = '/lib/ld-musl-x86_64.so.1';
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

// What OpenWrt's own functions.sh does for a package, as far as a package can see it.
const FUNCTIONS = `default_postinst() {
  echo "postinst $pkgname \${PKG_UPGRADE:-0}" >>/trace
  rm -f /etc/uci-defaults/*
}
default_prerm() { echo "prerm $pkgname \${PKG_UPGRADE:-0}" >>/trace; }
`;

export type Said = Readonly<{ code: number | null; text: string }>;

/** A program that Debian has no package of: in $KITH_TOOLS or the path. Throws with what to do. */
export function tool(name: string): string {
  const folders = [process.env.KITH_TOOLS ?? '', ...(process.env.PATH ?? '').split(':')];
  for (const folder of folders.filter((each) => each !== '')) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {}
  }
  throw new Error(
    `${name} is not here: set KITH_TOOLS to a folder with OpenWrt's opkg, apk and usign, ` +
      'built without shared libraries',
  );
}

export class Router {
  readonly root = bareRoot();

  private constructor(private readonly first: ChildProcess) {}

  static async start(tools: readonly string[]): Promise<Router> {
    const first = spawn('unshare', ['--mount', '--net', 'sh', '-c', 'echo ready; exec cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(first.stdout ?? first, 'data');
    const router = new Router(first);
    router.furnish(tools);
    return router;
  }

  /** Runs a line of sh in the router. */
  sh(line: string): Said {
    return this.in('chroot', this.root, '/bin/sh', '-c', line);
  }

  /** The same, and throws where it fails. */
  do(line: string): string {
    const { code, text } = this.sh(line);
    if (code !== 0) throw new Error(`${line}: ${code}\n${text}`);
    return text;
  }

  end(): void {
    this.first.kill('SIGKILL');
  }

  private in(...command: readonly string[]): Said {
    const args = ['--target', `${this.first.pid}`, '--mount', '--net', '--', ...command];
    const env = { PATH, HOME: '/' };
    const ran = spawnSync('nsenter', args, { encoding: 'utf8', env, timeout: 120_000 });
    return { code: ran.status, text: `${ran.stdout}${ran.stderr}` };
  }

  private furnish(tools: readonly string[]): void {
    const at = (path: string) => join(this.root, path);
    if (existsSync(MUSL)) copyFileSync(MUSL, at(`lib/${basename(MUSL)}`));
    for (const name of tools) copyFileSync(tool(name), at(`usr/bin/${name}`));
    writeFileSync(at('lib/functions.sh'), FUNCTIONS);
    this.giveIp();
    for (const line of [
      `mount -t proc proc ${at('proc')}`,
      `mount -t devtmpfs dev ${at('dev')}`,
      'ip link set lo up',
    ]) {
      const { code, text } = this.in('sh', '-c', line);
      if (code !== 0) throw new Error(`${line}: ${text}`);
    }
  }

  /** The machine's own ip, run by the carried loader: OpenWrt's ip-full would be one of musl. */
  private giveIp(): void {
    const ip = execFileSync('which', ['ip'], { encoding: 'utf8' }).trim();
    const listed = execFileSync('ldd', [ip], { encoding: 'utf8' });
    mkdirSync(join(this.root, 'tools'));
    copyFileSync(ip, join(this.root, 'tools/ip'));
    for (const [, path = ''] of listed.matchAll(/(\/\S+) \(0x/g))
      copyFileSync(path, join(this.root, 'tools', basename(path)));
    const loader = '/usr/lib/kith/runtime/lib/ld-linux-*.so.*';
    writeFileSync(
      join(this.root, 'sbin/ip'),
      `#!/bin/sh\nexec ${loader} --library-path /tools /tools/ip "$@"\n`,
      { mode: 0o755 },
    );
  }
}
