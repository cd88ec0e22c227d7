// The mesh of a running agent: begun at the start where there is one, or when this node founds or
// joins one; ended with the agent.

import type { RetainingLink } from '../discovery/mqtt.js';
import type { RosterChange } from '../identity/member.js';
import type { Folder } from './folder.js';
import type { LiveNode } from './live.js';
import type { Membership } from './membership.js';
import type { LiveMesh, Log, RunningMesh, RunningTunnel, UpParts } from './ports.js';
import { type Believed, LazyFile } from './rosterfile.js';
import { loadIdentity } from './store.js';

export type LiveMeshOptions = Readonly<{
  folder: Folder;
  node: LiveNode;
  tunnel: RunningTunnel;
  parts: Pick<UpParts, 'makeMesh'>;
  random: (bytes: number) => Uint8Array;
  link: () => RetainingLink | undefined;
  /** It runs now. */
  begun?: () => void;
  log: Log;
}>;

export class MeshHost implements LiveMesh {
  /** Set once, right after both are made: each knows the other. */
  membership: Membership | undefined;
  private running: RunningMesh | undefined;
  private readonly file: LazyFile;

  constructor(private readonly options: LiveMeshOptions) {
    const failed = (reason: string) => options.log('error', `the roster is not written: ${reason}`);
    this.file = new LazyFile(() => this.membership?.save(), failed);
  }

  /** Nothing happens where this node belongs to no mesh. */
  async begin(): Promise<void> {
    const { folder, node, tunnel, parts, random, link, log } = this.options;
    const held = this.membership?.open();
    if (!held || this.running) return;
    if (node.current.privateKeyFile !== null) {
      log('error', "no mesh: with privateKeyFile the tunnel has a key that is not this node's");
      return;
    }
    const running = await parts.makeMesh({
      tunnel,
      roster: held.roster,
      believed: held.believed,
      shares: held.shares,
      identity: loadIdentity(folder, random),
      config: () => node.current,
      folder,
      link,
      onRoster: () => this.rosterChanged(),
      log,
    });
    this.running = running;
    await running.start();
    node.mesh = running;
    this.followName();
  }

  private rosterChanged(): void {
    this.file.touch();
    this.followName();
  }

  private followName(): void {
    this.membership?.followName().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.options.log('error', `the name that an admin gave this node is not written: ${reason}`);
    });
  }

  linked(): void {
    this.running?.linked();
  }

  async stop(): Promise<void> {
    this.options.node.mesh = undefined;
    await this.running?.stop();
    this.file.flush();
  }

  added(statements: readonly Uint8Array[], changes: readonly RosterChange[]): void {
    this.running?.added(statements, changes);
    this.file.touch();
  }

  endpoints(): readonly Believed[] {
    return this.running?.endpoints() ?? [];
  }
}
