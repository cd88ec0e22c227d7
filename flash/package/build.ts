// From a checkout to a folder of packages, feeds and update archives. Files get their names when
// they are whole; the indices come last.

import { createHash, createPublicKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentTree } from './agent.js';
import { type Apk, apkPattern, writeApk, writeApkIndex } from './apk.js';
import { boardFiles, CONFFILES } from './boardfiles.js';
import { type Contents, packageVersion, versionOf } from './contents.js';
import { writeDeb } from './deb.js';
import type { Fetched } from './fetched.js';
import { writeIpk } from './ipk.js';
import type { FeedKeys } from './keys.js';
import { type Indexed, writeOpkgIndex } from './opkgindex.js';
import { debianRuntime, openwrtRuntime } from './runtime.js';
import * as scripts from './scripts.js';
import { gzip, writeTar } from './tar.js';
import { type Cpu, FACTS, NODE_VERSION, type System, type Target } from './targets.js';
import { below, type Entry, file, sizeOf, type Tree, treeOf } from './tree.js';
import { usignKeyName, usignPublicKey, usignSign } from './usign.js';

const REVISION = 1; // of the packaging, where version and files say nothing new

export type Order = Readonly<{
  root: string; // a checkout, built
  version: string;
  time: number; // Unix seconds
  targets: readonly Target[];
  withRuntime: boolean;
  out: string;
}>;

/** A line of packages.json. */
export type Row = Readonly<{
  file: string;
  package: string;
  kind: 'ipk' | 'apk' | 'deb' | 'update';
  cpu: Cpu;
  architectures: readonly string[]; // as the target's package manager calls them
  version: string;
  bytes: number;
  installedBytes: number;
  sha256: string;
}>;

/** Throws Failure; whatever was written by then stays. */
export async function buildPackages(
  order: Order,
  keys: FeedKeys,
  fetched: Fetched,
  say: (line: string) => void,
): Promise<Row[]> {
  mkdirSync(order.out, { recursive: true });
  const run = new Run(order, keys, fetched, say);
  for (const cpu of new Set(order.targets.map((target) => target.cpu))) await run.cpu(cpu);
  run.end();
  return run.rows;
}

class Run {
  readonly rows: Row[] = [];
  private readonly indexed: Indexed[] = [];

  constructor(
    private readonly order: Order,
    private readonly keys: FeedKeys,
    private readonly fetched: Fetched,
    private readonly say: (line: string) => void,
  ) {}

  async cpu(cpu: Cpu): Promise<void> {
    const { version, root, targets, time } = this.order;
    const tree = await agentTree(cpu, version, root, this.fetched);
    const { update } = FACTS[cpu];
    const archive = gzip(writeTar(tree, time, ''));
    const row = { package: 'kith', kind: 'update', cpu, architectures: [update] } as const;
    this.write(`kith-${version}-${update}.tar.gz`, archive, { ...row, version }, sizeOf(tree));
    const systems = targets.filter((target) => target.cpu === cpu).map(({ system }) => system);
    if (systems.includes('openwrt')) await this.openwrt(cpu, tree);
    if (systems.includes('debian')) await this.debian(cpu, tree);
  }

  end(): void {
    if (this.indexed.length > 0) {
      const index = writeOpkgIndex(this.indexed);
      const name = usignKeyName(this.keys.opkg);
      this.save('Packages', index);
      this.save('Packages.gz', gzip(index));
      this.save('Packages.sig', Buffer.from(usignSign(index, this.keys.opkg, `by key ${name}`)));
      this.save(`opkg-${name}.pub`, Buffer.from(usignPublicKey(this.keys.opkg, `kith ${name}`)));
      const pem = createPublicKey(this.keys.apk).export({ type: 'spki', format: 'pem' });
      this.save('apk-kith.pem', Buffer.from(pem));
    }
    this.save('packages.json', Buffer.from(`${JSON.stringify(this.rows, null, 2)}\n`));
  }

  private async openwrt(cpu: Cpu, agent: Tree): Promise<void> {
    const { version } = this.order;
    const command = { ...this.agentContents('openwrt', 'all', agent), section: 'net' };
    const all: Contents[] = [
      {
        ...command,
        depends: ['kith-runtime', 'kmod-tun', 'ip-full'],
        scripts: scripts.openwrtAgent(cpu, version),
      },
    ];
    if (this.order.withRuntime) {
      const work = mkdtempSync(join(this.order.out, '.runtime-'));
      this.say(`compressing Node for ${cpu}, which takes a while`);
      const entries = await openwrtRuntime(cpu, this.fetched, work).finally(() =>
        rmSync(work, { recursive: true, force: true }),
      );
      const mount = file('usr/lib/kith/mount', scripts.MOUNT, 0o755);
      const contents = this.runtimeContents('all', treeOf([...entries, mount]), ['kmod-loop']);
      all.push({ ...contents, section: 'lang', scripts: scripts.openwrtRuntime(cpu) });
    }
    const apks = all.map((contents) => {
      this.ipk(cpu, contents);
      return this.apk(cpu, { ...contents, architecture: 'noarch' });
    });
    this.save(`packages-${cpu}.adb`, writeApkIndex(apks, apkPattern(cpu), this.keys.apk));
  }

  private ipk(cpu: Cpu, contents: Contents): void {
    const version = versionOf(contents, 'opkg');
    const bytes = writeIpk(contents);
    const fileName = `${contents.name}_${version}_${cpu}.ipk`;
    const architectures = FACTS[cpu].openwrt;
    this.indexed.push({ contents, architectures, fileName, bytes });
    const row = { package: contents.name, kind: 'ipk', cpu, architectures, version } as const;
    this.write(fileName, bytes, row, sizeOf(contents.tree));
  }

  private apk(cpu: Cpu, contents: Contents): Apk {
    const version = versionOf(contents, 'apk');
    const apk = writeApk(contents, this.keys.apk);
    const architectures = FACTS[cpu].openwrt;
    const row = { package: contents.name, kind: 'apk', cpu, architectures, version } as const;
    const name = `${contents.name}-${version}-${cpu}.apk`;
    this.write(name, apk.bytes, row, sizeOf(contents.tree));
    return apk;
  }

  private async debian(cpu: Cpu, agent: Tree): Promise<void> {
    const { version } = this.order;
    const architecture = FACTS[cpu].debian;
    const agentContents = this.agentContents('debian', architecture, agent);
    this.deb(cpu, {
      ...agentContents,
      tree: withoutOpt(agentContents.tree),
      depends: ['kith-runtime | nodejs (>= 20.19)', 'iproute2', 'nftables'],
      scripts: scripts.debianAgent(version),
    });
    if (!this.order.withRuntime) return;
    const tree = treeOf(await debianRuntime(cpu, this.fetched));
    this.say(`packing Node for Debian on ${cpu}`);
    const libraries = ['libc6 (>= 2.28)', 'libstdc++6', 'libgcc-s1'];
    const contents = this.runtimeContents(architecture, tree, libraries);
    this.deb(cpu, { ...contents, scripts: scripts.debianRuntime() });
  }

  private deb(cpu: Cpu, contents: Contents): void {
    const version = versionOf(contents, 'dpkg');
    const bytes = writeDeb(contents);
    const architectures = [contents.architecture];
    const row = { package: contents.name, kind: 'deb', cpu, architectures, version } as const;
    const name = `${contents.name}_${version}_${contents.architecture}.deb`;
    this.write(name, bytes, row, sizeOf(contents.tree));
  }

  private agentContents(system: System, architecture: string, agent: Tree): Contents {
    const { version, root, time } = this.order;
    const board = boardFiles(system, root);
    const tree = treeOf([
      ...below(`opt/kith/releases/${version}`, agent),
      file('usr/bin/kith', scripts.COMMAND, 0o755),
      ...board,
    ]);
    const conffiles = CONFFILES[system].filter((path) => hasPath(board, path));
    return {
      name: 'kith',
      version,
      revision: REVISION,
      architecture,
      summary: 'a peer-to-peer VPN that lives on home routers',
      depends: [],
      section: 'net',
      tree,
      conffiles,
      scripts: {},
      time,
    };
  }

  private runtimeContents(architecture: string, tree: Tree, depends: readonly string[]): Contents {
    return {
      name: 'kith-runtime',
      version: NODE_VERSION,
      revision: REVISION,
      architecture,
      summary: `Node ${NODE_VERSION} for kith`,
      depends,
      section: 'javascript',
      tree,
      conffiles: [],
      scripts: {},
      time: this.order.time,
    };
  }

  private write(
    name: string,
    bytes: Uint8Array,
    row: Omit<Row, 'file' | 'bytes' | 'sha256' | 'installedBytes'>,
    installedBytes: number,
  ): void {
    this.save(name, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    this.rows.push({ file: name, ...row, bytes: bytes.length, installedBytes, sha256 });
    this.say(`${name}, ${(bytes.length / 2 ** 20).toFixed(1)} MiB`);
  }

  private save(name: string, bytes: Uint8Array): void {
    const path = join(this.order.out, name);
    writeFileSync(`${path}.part`, bytes);
    renameSync(`${path}.part`, path);
  }
}

/** Whether all package managers can say this version. */
export function isPackageable(version: string): boolean {
  return packageVersion(version, REVISION, 'apk') !== undefined;
}

/** /opt is there on every Debian and belongs to no package: dpkg would take it away at the end. */
function withoutOpt(tree: Tree): Tree {
  return tree.filter(({ path }) => path !== 'opt');
}

function hasPath(entries: readonly Entry[], path: string): boolean {
  return entries.some((entry) => entry.path === path);
}
