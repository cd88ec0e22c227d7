// A router with SSH: a folder with busybox as its whole system, in which sshd or dropbear locks who
// logs in, and a package manager that says what it was told.

import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Lab } from './namespaces.js';

export class SshRouter {
  readonly root = mkdtempSync('/run/kith-test-'); // sshd wants a folder that root alone may change

  constructor(private readonly lab: Lab) {
    process.once('exit', () => this.remove());
  }

  /** busybox, a manager, and facts about the machine. */
  async furnish(architecture: string, memoryMib: number): Promise<void> {
    for (const folder of ['bin', 'dev', 'etc', 'proc', 'root', 'tmp', 'opt', 'lib', 'lib64', 'run'])
      mkdirSync(join(this.root, folder));
    chmodSync(this.root, 0o755);
    const busybox = (await this.lab.must(null, 'sh', '-c', 'command -v busybox')).trim();
    copyFileSync(busybox, join(this.root, 'bin/busybox'));
    await this.lab.must(null, 'chroot', this.root, '/bin/busybox', '--install', '-s', '/bin');
    for (const [name, minor] of [
      ['null', 3],
      ['urandom', 9],
    ] as const)
      await this.lab.must(
        null,
        'mknod',
        '-m',
        '666',
        join(this.root, 'dev', name),
        'c',
        '1',
        `${minor}`,
      );
    this.program('bash', 'exec /bin/sh "$@"\n'); // sshd goes by the machine's own passwd
    this.put('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n');
    this.put('etc/shells', '/bin/sh\n');
    this.put('etc/os-release', 'ID=openwrt\nVERSION_ID="24.10.0"\n');
    this.put('proc/mounts', 'overlay / overlay rw 0 0\n');
    this.become(architecture, memoryMib);
  }

  /** Another kind of machine. */
  become(architecture: string, memoryMib: number): void {
    this.put('proc/meminfo', `MemTotal:       ${memoryMib * 1024} kB\nMemFree: 1 kB\n`);
    this.program('opkg', OPKG.replace('ARCHITECTURE', architecture));
  }

  async openssh(label: string, publicKey: string): Promise<void> {
    const folder = this.lab.folder;
    await this.lab.must(
      null,
      'ssh-keygen',
      '-q',
      '-t',
      'ed25519',
      '-N',
      '',
      '-f',
      join(folder, 'host'),
    );
    writeFileSync(join(folder, 'authorized'), publicKey, { mode: 0o600 });
    mkdirSync('/run/sshd', { recursive: true });
    const config = [
      `HostKey ${join(folder, 'host')}`,
      `AuthorizedKeysFile ${join(folder, 'authorized')}`,
      `ChrootDirectory ${this.root}`,
      'StrictModes no',
      'PermitRootLogin yes',
      'UsePAM no',
      'PidFile none',
    ];
    writeFileSync(join(folder, 'sshd_config'), `${config.join('\n')}\n`);
    const sshd = (await this.lab.must(null, 'sh', '-c', 'command -v sshd')).trim();
    const daemon = this.lab.spawn(label, sshd, '-D', '-e', '-f', join(folder, 'sshd_config'));
    await this.lab.waitFor(() => /listening on/.test(daemon.log), 10_000, 'sshd');
  }

  async dropbear(label: string, publicKey: string): Promise<void> {
    const dropbear = (await this.lab.must(null, 'sh', '-c', 'command -v dropbear')).trim();
    copyFileSync(dropbear, join(this.root, 'bin/dropbear'));
    for (const [path] of (await this.lab.must(null, 'ldd', dropbear)).matchAll(/\/\S+/g)) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true });
      copyFileSync(path, join(this.root, path));
    }
    mkdirSync(join(this.root, 'etc/dropbear'));
    mkdirSync(join(this.root, 'root/.ssh'), { mode: 0o700 });
    this.put('root/.ssh/authorized_keys', publicKey);
    const daemon = this.lab.spawn(label, 'chroot', this.root, '/bin/dropbear', '-R', '-F', '-E');
    await this.lab.waitFor(() => /Not backgrounding/.test(daemon.log), 10_000, 'dropbear');
  }

  path(name: string): string {
    return join(this.root, name);
  }

  put(name: string, text: string, mode = 0o644): void {
    writeFileSync(this.path(name), text, { mode });
  }

  program(name: string, script: string): void {
    rmSync(this.path(`bin/${name}`), { force: true });
    this.put(`bin/${name}`, `#!/bin/sh\n${script}`, 0o755);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Without lists a dependency is missing; then there is a `kith`, well at its third answer. */
const OPKG = `
echo "$@" >>/tmp/opkg.log
case $1 in
print-architecture) echo "arch all 1"; echo "arch ARCHITECTURE 10" ;;
update) : >/tmp/lists ;;
install)
  [ -e /tmp/broken ] && { echo "Collected errors:"; echo " * no space left on device"; exit 255; }
  [ -e /tmp/lists ] || { echo " * pkg_hash_check_unresolved: kmod-tun"; exit 255; }
  shift
  cat "$@" >/opt/installed
  cat >/bin/kith <<'END'
#!/bin/sh
[ "$1" = provision ] && { cat >/tmp/setup; exit 0; }
[ "$1" = --version ] && { echo 0.2.0; exit 0; }
echo x >>/tmp/asked
[ $(wc -l </tmp/asked) -lt 3 ] && { echo "kith: no agent is running" >&2; exit 1; }
[ -e /tmp/setup ] && mesh='{"members":2}' || mesh=null
echo '{"name":"hut","mesh":'$mesh'}'
END
  chmod 755 /bin/kith ;;
esac
`;
