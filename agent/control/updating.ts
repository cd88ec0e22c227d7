// Updates in a running agent: what they see of it, and what becomes of them for the faces. They are
// loaded only where the launcher started this agent, or where there are members to help.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { addressBytes, formatAddress, parseAddress, parsePrefix } from '../bytes/address.js';
import type { UpdateStatus } from '../commands/context.js';
import { Failure } from '../commands/failure.js';
import type { MemberView } from '../commands/meshstore.js';
import type { Updates, UpdateView } from '../commands/updates.js';
import type { UpdateEvent } from '../update/effects.js';
import type { Slots } from '../update/slots.js';
import type { Neighbour } from '../update/sources.js';
import type { Updater } from '../update/updater.js';
import type { Faces } from './faces.js';
import type { Folder } from './folder.js';
import { dropKept, keepConfig } from './keptconfig.js';
import type { LiveNode } from './live.js';
import type { Membership } from './membership.js';
import type { EventType } from './mqtt/events.js';
import type { Log } from './ports.js';
import { readUpdateMemory, writeUpdateMemory } from './updatememory.js';
import { VERSION } from './version.js';
import { forgetOlderVersions } from './versions.js';

export type UpdatingOptions = Readonly<{
  folder: Folder;
  node: LiveNode;
  membership: Membership;
  /** Ends the agent in good order, so that the launcher starts the next one. */
  end: () => void;
  told: (event: UpdateEvent, line: string) => void;
  log: Log;
}>;

const CARD = '/etc/kith-card'; // the image's own start writes it

export class Updating {
  private updater: Updater | undefined;
  private slots: Slots | undefined;
  private stopped = false;

  constructor(private readonly options: UpdatingOptions) {}

  /** Also when the node comes to belong to a mesh. Never rejects. */
  async follow(): Promise<void> {
    const { log, membership } = this.options;
    const asked = process.env.KITH_SLOTS !== undefined || membership.members() !== null;
    if (this.stopped || !asked) return;
    try {
      if (this.updater) this.updater.listen();
      else await this.begin();
    } catch (error) {
      log('error', `no updates: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  reconfigured(): void {
    this.updater?.reconfigured();
  }

  stop(): void {
    this.stopped = true;
    this.updater?.stop();
  }

  /** Null where this agent cannot be replaced. */
  get orders(): Updates | null {
    const { updater } = this;
    if (!updater || this.slots?.installed.target === 'none') return null;
    return updater;
  }

  view(): UpdateView | null {
    return this.orders?.view() ?? null;
  }

  /** For Home Assistant. */
  status(): UpdateStatus {
    const view = this.view();
    const installed = view?.installed ?? VERSION;
    const moving = view?.state === 'downloading' || view?.state === 'installing';
    return {
      installed,
      latest: view?.latest ?? installed,
      summary: view?.reason ?? (view?.notes.split('\n', 1)[0] || null),
      url: null,
      progress: moving ? (view.progress ?? 100) : null,
    };
  }

  private async begin(): Promise<void> {
    const { folder, log, told, node } = this.options;
    const { Updater } = await import('../update/updater.js');
    const { ArchiveFolder } = await import('../update/archive.js');
    if (this.stopped || this.updater) return;
    const slots = await this.findSlots();
    this.slots = slots;
    this.updater = new Updater({
      slots,
      archives: new ArchiveFolder(slots.downloadFolder),
      settings: () => node.current.update,
      neighbours: () => this.neighbours(),
      memberAt: (address) => this.memberAt(address),
      address: () => this.address(),
      ill: () => this.ill(),
      peerSince: (wall) => this.peerSince(wall),
      memory: readUpdateMemory(folder, log),
      remember: (memory) => writeUpdateMemory(folder, memory),
      keepConfig: () => keepConfig(folder, slots.installed.version),
      dropKept: () => {
        dropKept(folder);
        forgetOlderVersions(folder);
      },
      onEvent: (event, line) => {
        log(event === 'failed' || event === 'rolled-back' ? 'error' : 'info', `update: ${line}`);
        told(event, line);
      },
      log: (line) => log('verbose', line),
    });
    this.updater.start();
  }

  private async findSlots(): Promise<Slots> {
    const { env } = process;
    const { end } = this.options;
    const root = env.KITH_ROOT ?? '/opt/kith';
    if (env.KITH_SLOTS === 'folders') {
      const { Folders } = await import('../update/folders.js');
      return new Folders({ root, running: env.KITH_RELEASE ?? '', end });
    }
    if (env.KITH_SLOTS === 'partitions') {
      const { Partitions } = await import('../update/partitions.js');
      const { bootMachine } = await import('../update/bootmachine.js');
      const machine = bootMachine({
        disk: cardOf(CARD),
        autoboot: env.KITH_AUTOBOOT ?? '/boot/select/autoboot.txt',
        runFolder: env.KITH_RUN ?? '/run/kith',
      });
      const dataFolder = env.KITH_DATA ?? '/data/update';
      mkdirSync(dataFolder, { recursive: true });
      return new Partitions({ machine, releaseFile: `${root}/release.json`, dataFolder });
    }
    const { FixedRelease } = await import('../update/fixed.js');
    return new FixedRelease(VERSION, `${root}/download`);
  }

  private members(): readonly MemberView[] {
    try {
      return this.options.membership.members() ?? [];
    } catch (error) {
      if (error instanceof Failure) return []; // whoever asks for the mesh is told why
      throw error;
    }
  }

  /** Those to whom there is a path first, by chance among equals. */
  private neighbours(): readonly Neighbour[] {
    const paths = new Map(
      (this.options.node.mesh?.members() ?? []).map(({ publicKey, path }) => [publicKey, path]),
    );
    const ranked = this.members()
      .filter(({ self }) => !self)
      .map((one) => ({ one, rank: rankOf(paths.get(one.publicKey)?.class) + Math.random() / 2 }));
    ranked.sort((a, b) => a.rank - b.rank);
    return ranked.flatMap(({ one: { name, addresses } }) => {
      const address = overlayAddress(addresses);
      return address === undefined ? [] : [{ name, address }];
    });
  }

  private memberAt(address: string): string | undefined {
    const wanted = parseAddress(address);
    if (wanted === undefined) return undefined;
    const canonical = formatAddress(addressBytes(wanted));
    return this.members().find(
      ({ self, addresses }) => !self && overlayAddress(addresses) === canonical,
    )?.name;
  }

  private address(): string | undefined {
    if (!this.options.node.mesh) return undefined;
    const own = this.members().find(({ self }) => self);
    return own && overlayAddress(own.addresses);
  }

  private ill(): string | undefined {
    const { node, membership } = this.options;
    const { interface: name, cipher } = node.status();
    if (!existsSync(`/sys/class/net/${name}`)) return `the interface ${name} is gone`;
    if (cipher.alarms > 0) return 'the cipher engine disagrees with noble';
    if (membership.members() !== null && !node.mesh) return 'the mesh does not run';
    return undefined;
  }

  private peerSince(wall: number): string | undefined {
    const members = new Set(this.members().map(({ publicKey }) => publicKey));
    const { peers } = this.options.node.status();
    return peers.find(
      ({ publicKey, lastHandshake }) =>
        !members.has(publicKey) && lastHandshake !== null && 1_000 * lastHandshake >= wall,
    )?.name;
  }
}

/** What becomes of an update, for automations and Home Assistant. */
export function tellFaces(faces: Pick<Faces, 'event' | 'poke'>): UpdatingOptions['told'] {
  return (event, line) => {
    const type = EVENTS[event];
    if (type) faces.event(type, line);
    faces.poke();
  };
}

const EVENTS: Readonly<Partial<Record<UpdateEvent, EventType>>> = {
  announced: 'update_announced',
  downloaded: 'update_downloaded',
  'on-trial': 'update_on_trial',
  confirmed: 'update_confirmed',
  'rolled-back': 'update_rolled_back',
  failed: 'update_failed',
};

/** The first word is the disk that this system was started from, such as mmcblk0. */
function cardOf(path: string): string {
  const [disk = ''] = readFileSync(path, 'latin1').split(/\s/);
  if (!/^[a-z]+[a-z0-9]*$/.test(disk)) throw new Failure(`${path} names no disk`);
  return disk;
}

function rankOf(path: string | undefined): number {
  return path === 'direct' ? 0 : path === 'relay' ? 1 : 2;
}

/** The IPv6 one, without its length. */
function overlayAddress(addresses: readonly string[]): string | undefined {
  return addresses
    .flatMap((text) => parsePrefix(text) ?? [])
    .find(({ address }) => address.includes(':'))?.address;
}
