// `kith up`: reads and checks everything, then touches the machine, then runs until it is told to
// end.

import { randomBytes } from 'node:crypto';
import { detect } from '../../board/detect.js';
import { look } from '../../board/hands.js';
import { sourceAddress } from '../../board/machine.js';
import { preflight } from '../../board/preflight.js';
import { encodeKey } from '../bytes/base64.js';
import type { Context } from '../commands/context.js';
import { Failure, failureLines } from '../commands/failure.js';
import type { Config } from '../config/schema.js';
import { wipe } from '../crypto/secret.js';
import { publicKeyOf } from '../crypto/x25519.js';
import { takeBackUnconfirmed } from './changes.js';
import { Client } from './client.js';
import { Faces } from './faces.js';
import { Folder, STATE_DEFAULT } from './folder.js';
import { Grounds } from './grounds.js';
import { guessEndpoints } from './guess.js';
import { restoreKept } from './keptconfig.js';
import { LiveNode } from './live.js';
import { MeshHost } from './livemesh.js';
import { LogRing } from './logring.js';
import { Membership } from './membership.js';
import { commandersOf } from './mqtt/orders.js';
import type { Log, UpParts } from './ports.js';
import { ControlSocket } from './socket.js';
import { FileStore, type Live, loadIdentity, overlay } from './store.js';
import { UciMirror } from './ucimirror.js';
import { tellFaces, Updating } from './updating.js';
import { VERSION } from './version.js';
import { settleVersion } from './versions.js';

export type UpOptions = Readonly<{
  statePath: string;
  config?: string | undefined; // another file than kith.json
  settings: readonly string[]; // --set
  print: (line: string) => void; // standard output
}>;

const PATIENCE_MS = 2_000; // for another agent on the same folder to say its process id

/** Resolves when the agent has ended: 0 when it was told to, 1 when its interface went away. */
export async function up(options: UpOptions, parts: UpParts, say: Log = toStderr): Promise<number> {
  const ring = new LogRing(Date.now);
  const log = ring.beside(say);
  const folder = new Folder(options.statePath, options.config);
  folder.make();
  await refuseSecond(folder);
  const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
  settleConfig(folder, log);
  const store = new FileStore(folder, random);
  const { made } = store.readOrMake();
  const mirror = mirrorOf(options, folder, log);
  await mirror?.meet(store);
  const config = overlay(store.read(), options.settings);
  const privateKey = loadPrivateKey(folder, config, random);
  const { name: interfaceName } = config.interface;
  const lacking = await preflight({ interfaceName, port: config.listen.port });
  if (lacking !== undefined) throw new Failure(lacking);

  // Below this line the machine is touched; above it only the state folder was.
  const ending = new Ending(log);
  const onGone = () => ending.lost(`the interface ${interfaceName} was deleted`);
  const tunnel = parts.makeTunnel({ ...tunnelSettings(config, folder, log), onGone });
  const publicKey = encodeKey(publicKeyOf(privateKey));
  const settings = options.settings;
  const node = new LiveNode({ folder, tunnel, config, settings, publicKey, log });
  const status = () => node.status();
  const commanders = () => commandersOf(membership.open()?.roster);
  const update = () => updating.status();
  const faces = new Faces({ folder, config, settings, status, update, commanders, random, log });
  node.mqtt = () => faces.mqttStatus();
  const told = followed(faces.live(node), () => ({ updating, grounds, mirror }));
  const live = new FileStore(folder, random, told);
  const link = () => faces.link;
  const begun = () => void updating.follow();
  const mesh = new MeshHost({ folder, node, tunnel, parts, random, link, begun, log });
  const guess = () => guessEndpoints(live, sourceAddress);
  const owned = { folder, store: live, random };
  const membership = new Membership({ ...owned, live: mesh, guessEndpoints: guess });
  mesh.membership = membership;
  const end = () => ending.restart();
  const updating = new Updating({ folder, node, membership, end, told: tellFaces(faces), log });
  const context = contextOf({ ...owned, membership, node, faces, updating, ring });
  const socket = new ControlSocket(folder.socketPath, context, log);
  const grounds = new Grounds({ config, socketPath: folder.socketPath, status, log });
  let stopBeside: (() => Promise<void>) | undefined;
  try {
    await grounds.sweep();
    await tunnel.start();
    await node.start(privateKey);
    wipe(privateKey);
    await mesh.begin();
    await socket.listen();
    stopBeside = await parts.serveConfiguration?.(interfaceName, tunnel, log);
    ending.onReload(() => reload(live, log, mirror));
    await faces.start(context);
    mesh.linked();
    await updating.follow();
    await grounds.start();
    introduce(node, made, folder, options.print);
    return await ending.ended();
  } finally {
    await grounds.stop();
    updating.stop();
    await faces.stop();
    await socket.close();
    await stopBeside?.();
    await mesh.stop();
    await node.stop();
    await tunnel.stop();
  }
}

/** What an end in the middle of something left of the configuration is put right. */
function settleConfig(folder: Folder, log: Log): void {
  if (takeBackUnconfirmed(folder)) log('error', 'a change that was not confirmed: taken back');
  const restored = restoreKept(folder, process.env.KITH_RELEASE ?? VERSION);
  if (restored !== undefined) log('error', restored);
  const settled = settleVersion(folder);
  if (settled !== undefined) log('info', settled);
}

function tunnelSettings(config: Config, folder: Folder, log: Log) {
  return {
    interfaceName: config.interface.name,
    mtu: config.interface.mtu,
    cipher: config.cipher,
    workers: config.dataplane.workers,
    offloads: config.dataplane,
    ceiling: folder.readCeiling(),
    saveCeiling: (seconds: number) => saveCeiling(folder, seconds, log),
    log,
  };
}

async function refuseSecond(folder: Folder): Promise<void> {
  const other = await Client.open(folder.socketPath);
  if (!other) return;
  try {
    const { result } = await other.ask('status', {}, PATIENCE_MS);
    const { pid } = result as { pid: number };
    throw new Failure(`an agent is already running on ${folder.path} (pid ${pid})`);
  } catch (error) {
    if (error instanceof Failure && error.message.startsWith('an agent')) throw error;
    throw new Failure(`an agent is already running on ${folder.path}, but does not answer`);
  } finally {
    other.close();
  }
}

function loadPrivateKey(
  folder: Folder,
  config: Config,
  random: (bytes: number) => Uint8Array,
): Uint8Array {
  if (config.privateKeyFile !== null) return folder.readKey(config.privateKeyFile);
  const identity = loadIdentity(folder, random);
  const key = identity.privateKey.bytes.slice();
  identity.wipe();
  return key;
}

/** On a full disk the tunnel goes on; after a reboot without a clock, peers may be deaf to us. */
function saveCeiling(folder: Folder, seconds: number, log: Log): void {
  try {
    folder.writeCeiling(seconds);
  } catch (error) {
    log('error', error instanceof Error ? error.message : String(error));
  }
}

type Parts = Readonly<{
  folder: Folder;
  store: FileStore;
  membership: Membership;
  node: LiveNode;
  faces: Faces;
  updating: Updating;
  ring: LogRing;
  random: (bytes: number) => Uint8Array;
}>;

function contextOf(parts: Parts): (note: (line: string) => void) => Context {
  const { folder, store, membership: mesh, node: agent, faces, updating, ring, random } = parts;
  const changes = faces.changesOf(store);
  const rest = { statePath: folder.path, store, mesh, agent, changes, agentRuns: true, random };
  const beside = { log: () => ring.lines(), dashboard: () => faces.dashboardAccess() };
  return (note) => ({
    ...rest,
    ...beside,
    update: updating.orders,
    guessAddress: sourceAddress,
    note,
  });
}

/** On OpenWrt the settings of the router's own agent are in UCI, too. */
function mirrorOf(options: UpOptions, folder: Folder, log: Log): UciMirror | undefined {
  const isRouters = folder.path === STATE_DEFAULT && options.config === undefined;
  return isRouters && detect(look).kind === 'openwrt' ? new UciMirror(folder, log) : undefined;
}

/** Updates, the machine and UCI hear of a change after all others. */
function followed(live: Live, rest: () => Followers): Live {
  return {
    async apply(after) {
      const restart = await live.apply(after);
      const { updating, grounds, mirror } = rest();
      updating.reconfigured();
      await grounds.follow();
      await mirror?.follow(after);
      return restart;
    },
  };
}

type Followers = Readonly<{
  updating: Updating;
  grounds: Grounds;
  mirror: UciMirror | undefined;
}>;

/** A few lines for whoever sits at the terminal. */
function introduce(
  node: LiveNode,
  made: boolean,
  folder: Folder,
  print: (line: string) => void,
): void {
  const { name, publicKey, interface: link, addresses, listen, cipher, peers } = node.status();
  if (made) print(`A new node: its identity and settings are in ${folder.path}`);
  print(`${name} is up: ${[link, ...addresses].join(', ')}, UDP port ${listen.port}`);
  print(`public key ${publicKey}, cipher engine ${cipher.engine}`);
  if (peers.length > 0) print(`${peers.length} peers; see \`kith status\``);
  else print('Next: `kith guest add phone --qr` lets a phone in, `kith status` shows how it goes');
}

/** Somebody edited the file and said so with SIGHUP. */
async function reload(store: FileStore, log: Log, mirror: UciMirror | undefined): Promise<void> {
  try {
    await mirror?.meet(store);
    const { restart } = await store.update((config) => config);
    log('info', 'the configuration was read again');
    if (restart.length > 0) log('info', `restart needed: ${restart.join(', ')}`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    for (const line of failureLines(error)) log('error', line);
  }
}

/** What ends the agent: a signal, from its very start on, or the loss of its interface. */
class Ending {
  private code: number | undefined;
  private tell: ((code: number) => void) | undefined;

  constructor(private readonly log: Log) {
    // Signals that come again while it ends change nothing.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => this.end(0));
  }

  lost(reason: string): void {
    if (this.code === undefined) this.log('error', reason);
    this.end(1);
  }

  /** Whoever started this agent starts it again. */
  restart(): void {
    this.log('info', 'ends, to be started as another release');
    this.end(0);
  }

  onReload(reload: () => void): void {
    process.on('SIGHUP', reload);
  }

  /** Resolves to the exit code. */
  ended(): Promise<number> {
    return new Promise((resolve) => {
      this.tell = resolve;
      if (this.code !== undefined) resolve(this.code);
    });
  }

  private end(code: number): void {
    this.code ??= code;
    this.tell?.(this.code);
  }
}

function toStderr(level: 'error' | 'info' | 'verbose', line: string): void {
  if (level !== 'verbose') process.stderr.write(`${line}\n`);
}
