// A machine with releases side by side, in a folder: installed and started by the real launcher.

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Disk } from '../../agent/update/disk.js';
import { Folders } from '../../agent/update/folders.js';
import { makeTree, noise, packTree, scratch, type TreeOptions } from './release.js';

let archives: string | undefined;

/** At the end of a suite. */
export function removeArchives(): void {
  if (archives !== undefined) rmSync(archives, { recursive: true });
  archives = undefined;
}

export class Site {
  readonly root: string;
  readonly folder = scratch();
  restarts = 0;

  /** `shell`: what runs the launcher. */
  constructor(
    first = '0.1.0',
    options: TreeOptions & Readonly<{ like?: Site }> = {},
    readonly shell: readonly string[] = ['sh'],
  ) {
    this.root = join(this.folder, 'kith');
    if (options.like) {
      cpSync(options.like.root, this.root, { recursive: true, verbatimSymlinks: true });
      return;
    }
    mkdirSync(join(this.root, 'releases'), { recursive: true });
    makeTree(join(this.root, 'releases', first), first, options);
    const launch = join(this.root, 'releases', first, 'launch');
    const { status, stderr } = this.run(launch, '--install', first);
    assert.is(status, 0, stderr);
  }

  /** The archive of another release, made once for all. */
  archive(version: string, options: TreeOptions = {}): string {
    archives ??= scratch();
    const tree = join(archives, `tree-${version}`);
    const archive = join(archives, `${version}.tar.gz`);
    if (existsSync(archive)) return archive;
    makeTree(tree, version, options);
    packTree(tree, archive);
    return archive;
  }

  /** One start by the service manager; what the program said, which is its version. */
  start(): string {
    const { status, stdout, stderr } = this.run(join(this.root, 'launch'), 'up');
    assert.is(status, 0, `${stdout}${stderr}`);
    const [version = ''] = stdout.split(' ');
    this.isWhole(version);
    return version;
  }

  agent(running: string, disk?: Disk): Folders {
    const end = () => {
      this.restarts++;
    };
    return new Folders({ root: this.root, running, end, ...(disk && { disk }) });
  }

  async install(agent: Folders, version: string): Promise<void> {
    await agent.install(version, createReadStream(this.archive(version)), 1e6);
  }

  releases(): string[] {
    return readdirSync(join(this.root, 'releases')).sort();
  }

  pointed(link: string): string {
    return readlinkSync(join(this.root, link)).replace('releases/', '');
  }

  has(name: string): boolean {
    return existsSync(join(this.root, name));
  }

  run(...command: string[]) {
    const [program = '', ...args] = [...this.shell, ...command];
    const env = { ...process.env, KITH_ROOT: this.root, KITH_SLOTS: '' };
    return spawnSync(program, args, { env, encoding: 'utf8' });
  }

  /** What was started is all there. */
  private isWhole(version: string): void {
    const load = readFileSync(join(this.root, 'releases', version, 'dist/load'));
    assert.ok(load.equals(noise(load.length)) && load.length > 0, `${version} is not whole`);
  }
}
