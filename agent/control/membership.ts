// The mesh of a state folder: founded, entered, changed by its admins. With an agent running this
// works in the agent's process, and what changes goes out to the others at once.

import { localPrefixes } from '../../board/machine.js';
import { type Endpoint, formatEndpoint, formatPrefix, parsePrefix } from '../bytes/address.js';
import { decodeKey } from '../bytes/base64.js';
import type { Store } from '../commands/context.js';
import { Failure } from '../commands/failure.js';
import type {
  Founded,
  Invited,
  Joined,
  MemberView,
  MeshStore,
  Renamed,
} from '../commands/meshstore.js';
import type { GuestPlace } from '../config/guest.js';
import type { Config } from '../config/schema.js';
import { suggestion } from '../config/words.js';
import { signerOf } from '../crypto/ed25519.js';
import { wipe } from '../crypto/secret.js';
import { addAdmin, removeAdmin, revokeNode, revokeVoucher } from '../identity/admin.js';
import { makeInvite, ownProfile } from '../identity/door.js';
import { makeMesh } from '../identity/found.js';
import { decodeInvite, type Invite, type InviteEndpoint } from '../identity/invite.js';
import type { Member, Role } from '../identity/member.js';
import { decodeMeshKey, encodeMeshKey } from '../identity/meshkey.js';
import { idBytes, idOf } from '../identity/nodeid.js';
import { sentenceOf } from '../identity/reasons.js';
import { Roster } from '../identity/roster.js';
import type { Identity } from '../identity/seed.js';
import { knock, sharesIn } from './door.js';
import type { Folder } from './folder.js';
import { placeInMesh } from './guests.js';
import { checkName, memberNamed, noAdmin, viewOf } from './members.js';
import { signOrder } from './mqtt/orders.js';
import { openAs } from './mqtt/seal.js';
import { checkFree, Naming } from './naming.js';
import type { LiveMesh } from './ports.js';
import { type Believed, readRoster, writeRoster } from './rosterfile.js';
import { loadIdentity } from './store.js';

export const MESH_KEY_FILE = 'mesh.key';
const MESH_KEY_BYTES_MAX = 256;

export type MembershipOptions = Readonly<{
  folder: Folder;
  store: Store;
  random: (bytes: number) => Uint8Array;
  /** The running agent's mesh; absent where none runs. */
  live?: LiveMesh | undefined;
  /** Where others reach us as far as nobody runs who would know better. */
  guessEndpoints: () => Promise<readonly Endpoint[]>;
}>;

type Held = Readonly<{
  roster: Roster;
  believed: readonly Believed[]; // endpoints that the invite named
  shares: readonly Uint8Array[]; // the rendezvous key, sealed to us by who let us in
}>;

export class Membership implements MeshStore {
  private held: Held | undefined;
  private entering = false;
  private readonly naming: Naming;

  constructor(private readonly options: MembershipOptions) {
    this.naming = new Naming({
      store: options.store,
      roster: () => this.open()?.roster,
      withIdentity: (use) => this.withIdentity(use),
      add: (statement) => this.add([statement]),
    });
  }

  /** The roster, read at the first time; null: no mesh. The running mesh works on the very same. */
  open(): Held | null {
    if (this.held) return this.held;
    const written = readRoster(this.options.folder);
    if (!written) return null;
    const roster = new Roster(written.meshKey);
    roster.add(written.statements);
    this.held = { roster, believed: written.believed, shares: written.shares };
    return this.held;
  }

  /** Writes what the roster is now. */
  save(): void {
    if (!this.held) return;
    const { roster, ...rest } = this.held;
    const statements = Array.from(roster.statements(), ({ bytes }) => bytes);
    writeRoster(this.options.folder, { meshKey: roster.meshKey, statements, ...rest });
  }

  members(): readonly MemberView[] | null {
    const held = this.open();
    if (!held) return null;
    const self = this.withIdentity(({ nodeKey }) => idOf(nodeKey));
    return Array.from(held.roster.members(), (member) => viewOf(member, self));
  }

  found(name: string | undefined): Promise<Founded> {
    return this.alone(() => this.makeMesh(name));
  }

  private async makeMesh(name: string | undefined): Promise<Founded> {
    const { store, folder, random } = this.options;
    if (name !== undefined) checkName(name);
    if (folder.has(MESH_KEY_FILE))
      throw new Failure(
        `${folder.file(MESH_KEY_FILE)} is the key of another mesh: move it to a safe place first`,
      );
    const { config } = await store.update((before) => ({ ...before, name: name ?? before.name }));
    const identity = this.identity();
    const { signer } = identity;
    const at = Date.now();
    const made = makeMesh({ random, signer, name: config.name, at, seen: localPrefixes() });
    const { meshSeed, meshKey } = made;
    try {
      const roster = new Roster(meshKey);
      roster.add(made.statements);
      const backup = encodeMeshKey(meshSeed);
      folder.writeBytes(MESH_KEY_FILE, Buffer.from(`${backup}\n`));
      this.keep({ roster, believed: [], shares: [] }, () => folder.remove(MESH_KEY_FILE));
      await this.options.live?.begin();
      const { addresses = [] } = roster.member(idOf(identity.nodeKey)) ?? {};
      const texts = addresses.map(formatPrefix);
      return { name: config.name, mesh: idOf(meshKey), addresses: texts, backup };
    } finally {
      wipe(meshSeed, made.epochKey);
      identity.wipe();
    }
  }

  async invite(
    name: string,
    terms: Readonly<{ ttlMs: number; roles: readonly Role[]; subnets: readonly string[] }>,
  ): Promise<Invited> {
    const { roster } = this.mustBelong();
    const { random } = this.options;
    const now = issueTime(roster);
    checkFree(roster, name, now);
    const endpoints = await this.endpoints();
    const subnets = terms.subnets.flatMap((text) => parsePrefix(text) ?? []);
    const { roles, ttlMs: ttl } = terms;
    const some = subnets.length > 0 ? { subnets } : {}; // else any private one
    const inviting = { name, roles, ...some, ttl, at: now, endpoints, random };
    const made = this.withIdentity(({ signer }) => makeInvite(roster, signer, inviting));
    if (!made) throw noAdmin(roster);
    this.add(made.statements);
    return {
      name,
      word: made.word,
      expires: Math.floor((now + ttl) / 1000),
      endpoints: endpoints.slice(0, 2).map(({ endpoint }) => formatEndpoint(endpoint)),
    };
  }

  join(word: string): Promise<Joined> {
    return this.alone(async () => {
      const read = decodeInvite(word);
      if ('problem' in read) throw new Failure(read.problem.text);
      const { invite } = read;
      try {
        return await this.enrol(invite);
      } finally {
        wipe(invite.secret);
      }
    });
  }

  async revoke(name: string): Promise<'member' | 'invite'> {
    const { roster } = this.mustBelong();
    const member = memberNamed(roster, name);
    if (member) {
      this.add(this.revocation(roster, member));
      return 'member';
    }
    // An older one may have expired unused; all are revoked, whatever clocks say.
    const vouchers = [...roster.openVouchers()].filter((one) => one.name === name);
    if (vouchers.length === 0) {
      const names = Array.from(roster.members(), (one) => one.name);
      throw new Failure(
        `no member and no open invite is called "${name}"${suggestion(name, names)}`,
      );
    }
    const at = issueTime(roster);
    const made = this.withIdentity(({ signer }) =>
      vouchers.flatMap(({ key }) => revokeVoucher(roster, signer, key, at) ?? []),
    );
    if (made.length === 0) throw noAdmin(roster);
    this.add(made);
    return 'invite';
  }

  rename(name: string, to: string): Promise<Renamed> {
    this.mustBelong();
    return this.naming.rename(name, to);
  }

  /** Where an admin has given this node another name, kith.json says so, too. */
  followName(): Promise<void> {
    return this.naming.follow();
  }

  guestPlace(place: GuestPlace, publicKey: string, config: Config): GuestPlace {
    const key = decodeKey(publicKey);
    return key === undefined ? place : placeInMesh(place, key, config, this.open()?.roster);
  }

  private revocation(roster: Roster, { node, name, admin }: Member): readonly Uint8Array[] {
    return this.withIdentity(({ nodeKey, signer }) => {
      if (node === idOf(nodeKey))
        throw new Failure('a node cannot revoke itself: let another admin do it');
      if (admin)
        throw new Failure(
          `${name} is an admin: first kith admin remove ${name}, with the mesh key`,
        );
      const made = revokeNode(roster, signer, node, issueTime(roster), this.options.random);
      if (!made) throw noAdmin(roster);
      wipe(made.epochKey);
      return made.statements;
    });
  }

  async setAdmin(name: string, admin: boolean, key: string | undefined): Promise<void> {
    const { roster } = this.mustBelong();
    const member = memberNamed(roster, name);
    if (!member) throw new Failure(`there is no member "${name}"`);
    if (member.admin === admin)
      throw new Failure(admin ? `${name} is an admin already` : `${name} is no admin`);
    const meshSeed = this.meshSeed(key ?? MESH_KEY_FILE);
    try {
      const signer = signerOf(meshSeed);
      const at = issueTime(roster);
      const made = admin
        ? addAdmin(roster, signer, member, at)
        : removeAdmin(roster, signer, member.node, at);
      if (!made) throw new Failure('this is the key of another mesh');
      this.add([made]);
    } finally {
      wipe(meshSeed);
    }
  }

  // Inside

  private async enrol(invite: Invite): Promise<Joined> {
    const { store, random } = this.options;
    const roster = new Roster(invite.meshKey);
    const identity = this.identity();
    try {
      const welcome = await knock(invite, identity, random);
      roster.add(welcome.statements);
      const self = idOf(identity.nodeKey);
      if (!roster.member(self)) throw new Failure(sentenceOf(roster.whyNot(self) ?? 'stranger'));
      roster.add([ownProfile(roster, identity.signer, {}, issueTime(roster))]);
      const { by, endpoint } = welcome;
      const believed = [{ node: idOf(by), endpoint }];
      // First what cannot be had again: the invite is used up.
      this.keep({ roster, believed, shares: sharesIn(welcome, roster, identity) });
      await store.update((before) => ({ ...before, name: invite.name }));
      await this.options.live?.begin();
      const { addresses = [] } = roster.member(self) ?? {};
      return {
        name: invite.name,
        mesh: idOf(roster.meshKey),
        addresses: addresses.map(formatPrefix),
        members: roster.memberCount,
        by: roster.member(idOf(by))?.name ?? idOf(by),
        restart: this.options.live === undefined,
      };
    } finally {
      identity.wipe();
    }
  }

  /** One at a time: while one waits at a door, no other may enter elsewhere. */
  private async alone<T>(enter: () => Promise<T>): Promise<T> {
    this.mustBeFree();
    if (this.entering) throw new Failure('another `kith init` or `kith join` is under way');
    this.entering = true;
    try {
      return await enter();
    } finally {
      this.entering = false;
    }
  }

  /** We belong to it as soon as it is written; not where that fails. */
  private keep(held: Held, undo: () => void = () => {}): void {
    this.held = held;
    try {
      this.save();
    } catch (error) {
      this.held = undefined;
      undo();
      throw error;
    }
  }

  /** Own statements into the roster, the mesh, and the file. Their ids. */
  private add(statements: readonly Uint8Array[]): string[] {
    const { roster } = this.mustBelong();
    const { added, changes, refused } = roster.add(statements);
    const [first] = refused;
    if (first) throw new Failure(sentenceOf(first.reason));
    // In force at once, even where it cannot be written: a revocation is not to wait for a disk.
    this.options.live?.added(statements, changes);
    this.save();
    return added;
  }

  /** Where a newcomer can knock: proven places first. */
  private async endpoints(): Promise<InviteEndpoint[]> {
    const { live } = this.options;
    const known = live?.endpoints() ?? [];
    if (known.length > 0)
      return known.map(({ node, endpoint }) => ({ nodeKey: idBytes(node), endpoint }));
    const nodeKey = this.withIdentity((identity) => identity.nodeKey);
    const guessed = await this.options.guessEndpoints();
    return guessed.map((endpoint) => ({ nodeKey, endpoint }));
  }

  sign(order: string): Uint8Array {
    const { roster } = this.mustBelong();
    return this.withIdentity(({ signer, nodeKey }) => {
      if (!roster.member(idOf(nodeKey))?.admin) throw noAdmin(roster);
      return signOrder(order, roster.meshKey, signer);
    });
  }

  unseal(sealed: string): Uint8Array {
    const plain = this.withIdentity((identity) => openAs(identity, sealed));
    if (plain) return plain;
    throw new Failure('this was not sealed to this node, or it was altered');
  }

  private mustBelong(): Readonly<{ roster: Roster }> {
    const held = this.open();
    if (held) return held;
    throw new Failure(
      'this node belongs to no mesh yet: kith init makes one, kith join enters one',
    );
  }

  private mustBeFree(): void {
    if (this.open())
      throw new Failure(
        `this node belongs to a mesh already; to leave it for good, stop the agent and remove ` +
          this.options.folder.file('roster.cbor'),
      );
    if (hasConfig(this.options.store) && this.options.store.read().privateKeyFile !== null)
      throw new Failure(
        'privateKeyFile is set, but in a mesh a node is known by its own key: ' +
          'kith config set privateKeyFile null, or use another state folder',
      );
  }

  private identity(): Identity {
    return loadIdentity(this.options.folder, this.options.random);
  }

  private withIdentity<T>(use: (identity: Identity) => T): T {
    const identity = this.identity();
    try {
      return use(identity);
    } finally {
      identity.wipe();
    }
  }

  private meshSeed(file: string): Uint8Array {
    const { folder } = this.options;
    const bytes = folder.readBytes(file, MESH_KEY_BYTES_MAX);
    if (!bytes)
      throw new Failure(
        `${folder.file(file)} is missing: say where the mesh key is with --key FILE`,
      );
    const seed = decodeMeshKey(Buffer.from(bytes).toString('latin1').trim());
    wipe(bytes);
    if (seed instanceof Uint8Array) return seed;
    throw new Failure(`${folder.file(file)}: ${seed.text}`);
  }
}

/** Later than all that was signed before, so that it counts; a clock may be wrong. */
function issueTime(roster: Roster): number {
  return Math.max(Date.now(), roster.newestIssue);
}

function hasConfig(store: Store): boolean {
  try {
    store.read();
    return true;
  } catch {
    return false; // none yet, or one that is damaged: `update` will say so
  }
}
