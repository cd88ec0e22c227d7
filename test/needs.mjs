// What the tests need of the machine besides Node: Debian packages, and rights. As root the
// packages are installed; tests that need what is still missing then are named as skipped.

import { spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync } from 'node:fs';

/** Debian packages: the commands by which a test file shows that it needs one, and what for. */
export const PACKAGES = [
  { name: 'iproute2', commands: ['ip', 'ss'], why: 'namespaces, links, addresses' },
  { name: 'iputils-ping', commands: ['ping'], why: 'the smallest proof that a tunnel carries' },
  { name: 'wireguard-tools', commands: ['wg', 'wg-quick'], why: 'the stock configuration tools' },
  {
    name: 'wireguard-go',
    commands: ['wireguard-go'],
    why: 'a foreign WireGuard on the other side',
  },
  { name: 'iperf3', commands: ['iperf3'], why: 'traffic under load' },
  { name: 'nftables', commands: ['nft'], why: 'NAT and filters between namespaces' },
  {
    name: 'iptables',
    commands: ['iptables'],
    why: "wg-quick's rules, WireGuard's own test script",
  },
  { name: 'tcpdump', commands: ['tcpdump'], why: 'what is on the wire, and what is not' },
  { name: 'ncat', commands: ['ncat'], why: "WireGuard's own test script" },
  { name: 'procps', commands: ['sysctl', 'ps'], why: 'wg-quick sets kernel parameters' },
  { name: 'git', commands: ['git'], why: 'the list of files that belong here' },
  { name: 'openssl', commands: ['openssl'], why: 'certificates for a broker of the tests' },
  { name: 'mosquitto', commands: ['mosquitto', 'mosquitto_passwd'], why: 'a foreign MQTT broker' },
  {
    name: 'mosquitto-clients',
    commands: ['mosquitto_pub', 'mosquitto_sub'],
    why: 'foreign MQTT clients',
  },
  { name: 'socat', commands: ['socat'], why: 'a pair of pseudo terminals is a serial cable' },
  { name: 'tmux', commands: ['tmux'], why: 'terminal programs are watched in it' },
  { name: 'picocom', commands: ['picocom'], why: 'a terminal program for serial ports' },
  { name: 'minicom', commands: ['minicom'], why: 'another one' },
  { name: 'screen', commands: ['screen'], why: 'a third one' },
  {
    name: 'miniupnpd-nftables',
    commands: ['miniupnpd'],
    why: 'a router that maps ports: PCP, NAT-PMP, UPnP',
  },
  { name: 'chromium', commands: ['chromium'], why: 'the dashboard in a real browser' },
  {
    name: 'signify-openbsd',
    commands: ['signify-openbsd'],
    why: 'checks signatures of OpenWrt feeds',
  },
  { name: 'zbar-tools', commands: ['zbarimg'], why: 'reads QR codes as a phone does' },
  { name: 'xz-utils', commands: ['xz'], why: 'packed images' },
  { name: 'zstd', commands: ['zstd'], why: 'packed images' },
  { name: 'fdisk', commands: ['sfdisk'], why: 'partition tables that others made' },
  { name: 'gdisk', commands: ['sgdisk'], why: 'partition tables that others made' },
  {
    name: 'dosfstools',
    commands: ['mkfs.vfat', 'fsck.fat'],
    why: 'FAT as others make and check it',
  },
  { name: 'mtools', commands: ['mcopy', 'mdir', 'mtype'], why: 'reads FAT without mounting it' },
  { name: 'tftp-hpa', commands: ['tftp'], why: 'a foreign TFTP client' },
  { name: 'curl', commands: ['curl'], why: 'another one' },
  { name: 'openssh-client', commands: ['ssh', 'ssh-keygen'], why: 'installing over SSH' },
  { name: 'openssh-server', commands: ['sshd'], why: 'a host to install on' },
  { name: 'dropbear-bin', commands: ['dropbear', 'dropbearkey'], why: "OpenWrt's SSH server" },
  { name: 'shellcheck', commands: ['shellcheck'], why: 'shell scripts for routers are read by it' },
  { name: 'busybox-static', commands: ['busybox'], why: "OpenWrt's shell" },
  { name: 'systemd', commands: ['systemd-analyze'], why: 'judges the unit for Debian' },
];

/** Rights and devices: a check that gives undefined when all is well, else what is missing. */
export const ABILITIES = {
  root: () => (process.getuid?.() === 0 ? undefined : 'not run as root'),
  tun: () => checkTun(),
  namespaces: () => checkNamespaces(),
};

/** Names of the abilities and packages which the text of a test file asks for. */
export function needsOf(text) {
  const needs = new Set(/^\/\/ needs: (.*)$/m.exec(text)?.[1]?.split(/[,\s]+/) ?? []);
  if (/from '[^']*\/namespaces\.js'/.test(text)) {
    for (const name of ['root', 'namespaces', 'iproute2']) needs.add(name);
  }
  for (const { name, commands } of PACKAGES) {
    if (commands.some((command) => new RegExp(`['"\`]${command}['"\` ]`).test(text))) {
      needs.add(name);
    }
  }
  if (/\/dev\/net\/tun|dist\/kith\.js/.test(text) || needs.has('wireguard-go')) {
    for (const name of ['root', 'tun']) needs.add(name);
  }
  needs.delete('');
  return [...needs].sort();
}

/** Why a need is not met, or undefined where it is. */
export function unmet(need) {
  const ability = ABILITIES[need];
  if (ability) return remembered(need, ability);
  const known = PACKAGES.find(({ name }) => name === need);
  if (!known) return `unknown need "${need}" (test/needs.mjs lists them)`;
  return remembered(need, () => (isInstalled(known) ? undefined : `${need} is not installed`));
}

const memory = new Map();

function remembered(need, check) {
  if (!memory.has(need)) memory.set(need, check());
  return memory.get(need);
}

/** Installs what is missing of these packages, where it may. `say` is told what happens. */
export function installPackages(names, say) {
  const missing = PACKAGES.filter((each) => names.includes(each.name) && !isInstalled(each));
  if (missing.length === 0) return;
  const list = missing.map(({ name, why }) => `${name} (${why})`).join(', ');
  if (process.getuid?.() !== 0) return say(`missing, and only root can install them: ${list}`);
  if (!isCommand('apt-get')) return say(`missing, and there is no apt-get: ${list}`);
  say(`installing ${list}`);
  const packages = missing.map(({ name }) => name);
  if (!apt(['update'], say)) return;
  // one that this system does not have must not keep the others away
  if (!apt(['install', '--yes', '--no-install-recommends', ...packages], () => {})) {
    for (const name of packages) apt(['install', '--yes', '--no-install-recommends', name], say);
  }
}

function apt(args, say) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 300_000 };
  const ran = spawnSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], options);
  if (ran.status !== 0) say(`apt-get ${args.join(' ')} failed:\n${ran.stderr ?? ran.error}`);
  return ran.status === 0;
}

function isInstalled({ commands }) {
  return commands.every(isCommand);
}

function isCommand(name) {
  const folders = `${process.env.PATH}:/usr/sbin:/sbin`.split(':');
  return folders.some((folder) => {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function checkTun() {
  if (!existsSync('/dev/net/tun') && process.getuid?.() === 0) {
    spawnSync('modprobe', ['tun']);
    mkdirSync('/dev/net', { recursive: true });
    if (!existsSync('/dev/net/tun')) spawnSync('mknod', ['/dev/net/tun', 'c', '10', '200']);
  }
  try {
    closeSync(openSync('/dev/net/tun', 'r+'));
    return undefined;
  } catch (error) {
    return `/dev/net/tun cannot be opened (${error.code})`;
  }
}

function checkNamespaces() {
  const { status, stderr } = spawnSync('unshare', ['--net', 'true'], { encoding: 'utf8' });
  return status === 0 ? undefined : `no network namespaces here (${(stderr ?? '').trim()})`;
}
