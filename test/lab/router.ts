// A router with releases side by side: the launcher under a service manager that starts it again
// whenever it ends, in a namespace of a lab.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import type { UpdateView } from '../../agent/commands/updates.js';
import { packTree } from '../update/release.js';
import { Agent } from './agents.js';
import type { Daemon, Ran } from './daemon.js';
import type { Lab } from './namespaces.js';

const AGENT = `exec "${process.execPath}" "\${0%/bin/kith}/dist/kith.js" "$@"`;

/** A release of what is built now, called `version`; `program` is its bin/kith, in sh. */
export function realTree(folder: string, version: string, program = AGENT): void {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  cpSync('dist', join(folder, 'dist'), { recursive: true });
  cpSync('agent/update/launch.sh', join(folder, 'launch'));
  const release = { name: 'kith', version, target: 'any' };
  writeFileSync(join(folder, 'release.json'), JSON.stringify(release));
  writeFileSync(join(folder, 'bin/kith'), `#!/bin/sh\n${program}\n`);
  chmodSync(join(folder, 'bin/kith'), 0o755);
  chmodSync(join(folder, 'launch'), 0o755);
  for (const name of readdirSync(join(folder, 'dist')).filter((file) => file.endsWith('.js'))) {
    const file = join(folder, 'dist', name);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('"0.1.0"', `"${version}"`));
  }
}

/** Programs of broken releases; each begins as a good one does. */
export const BROKEN = {
  ends: 'exit 1',
  // Nobody's datagrams come in at this port: see `closePort`.
  unreachable: `exec "${process.execPath}" "\${0%/bin/kith}/dist/kith.js" "$@" --set listen.port=9`,
  crashes: `${AGENT.replace('exec ', '')} & sleep 4; kill -9 $!; exit 1`,
};

export class Router extends Agent {
  readonly root: string;
  private manager: Daemon | undefined;

  constructor(lab: Lab, label: string) {
    super(lab, label);
    this.root = join(lab.folder, `root-${label}`);
    mkdirSync(this.root);
  }

  /** Commands by the release that is installed, as people have it. */
  override run(args: readonly string[], input?: string): Promise<Ran> {
    const program = join(this.root, 'current/bin/kith');
    const options = input === undefined ? {} : { input };
    return this.lab.runWith(this.label, options, program, '--state', this.state, ...args);
  }

  install(version: string): void {
    const tree = join(this.root, 'releases', version);
    mkdirSync(join(this.root, 'releases'), { recursive: true });
    realTree(tree, version);
    // Packages with native parts; a real release has them inside.
    symlinkSync(resolve('node_modules'), join(this.root, 'node_modules'));
    const env = { ...process.env, KITH_ROOT: this.root };
    execFileSync(join(tree, 'launch'), ['--install', version], { env });
  }

  async start(): Promise<void> {
    const up = `"${this.root}/launch" up --state "${this.state}"`;
    const loop = `while :; do ${up}; echo "ended: $?"; sleep 0.3; done`;
    const env = { KITH_ROOT: this.root, KITH_SLOTS: '' };
    this.manager = this.lab.spawnWith(this.label, { env }, 'sh', '-c', loop);
    await this.lab.waitFor(() => this.isUp(), 20_000, `${this.label} is up`);
  }

  get log(): string {
    return this.manager?.log ?? '';
  }

  async isUp(): Promise<boolean> {
    return (await this.run(['status', '--json'])).code === 0;
  }

  /** Nothing is known of an agent that is just being started. */
  async update(): Promise<Partial<UpdateView>> {
    const { code, stdout } = await this.run(['update', 'status', '--json']);
    return code === 0 ? (JSON.parse(stdout) as UpdateView) : {};
  }

  /** Waits until this release runs and is confirmed. */
  async confirmed(version: string, ms: number, poke?: () => Promise<unknown>): Promise<void> {
    const is = async () => {
      const { installed, state } = await this.update();
      if (installed === version && state !== 'trial') return true;
      if (installed !== version) await poke?.();
      return false;
    };
    await this.lab.waitFor(is, ms, `${this.label} runs ${version}\n${this.log}`);
  }

  /** SIGKILL to the running agent; false where none runs just now. */
  async kill(): Promise<boolean> {
    const { code, stdout } = await this.run(['status', '--json']);
    if (code !== 0) return false;
    process.kill((JSON.parse(stdout) as { pid: number }).pid, 'SIGKILL');
    return true;
  }
}

/** An archive in the folder that is served. */
export function packRelease(folder: string, version: string, program?: string): void {
  const tree = join(folder, `.tree-${version}`);
  realTree(tree, version, program);
  packTree(tree, join(folder, `kith-${version}-any.tar.gz`));
  rmSync(tree, { recursive: true });
}
