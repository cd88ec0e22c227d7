// The running node: keeps tunnel, routes and names in step with the configuration, and tells how
// they are.

import { changeDetour, clearDetours, type Detour, MARK, NO_DETOUR } from '../../board/detour.js';
import { changeRoutes, routeDifference, setLinkUp } from '../../board/link.js';
import type { Endpoint, Prefix } from '../bytes/address.js';
import { decodeKey, encodeKey } from '../bytes/base64.js';
import type { AgentView, MeshPath, MqttStatus, Status } from '../commands/context.js';
import { Failure } from '../commands/failure.js';
import { deviceChange, deviceDifference, type Resolved } from '../config/device.js';
import { literalEndpoint, parseHost } from '../config/host.js';
import { restartPaths } from '../config/path.js';
import { planRoutes } from '../config/routes.js';
import type { Config } from '../config/schema.js';
import { wipe } from '../crypto/secret.js';
import { DeviceError, type DeviceState } from '../wireguard/configuration.js';
import type { Folder } from './folder.js';
import { lookUp } from './lookup.js';
import { Names } from './names.js';
import type { Log, RunningMesh, RunningTunnel } from './ports.js';
import { type Live, overlay } from './store.js';
import { VERSION } from './version.js';
import { peerStatuses } from './view.js';

export type LiveOptions = Readonly<{
  folder: Folder;
  tunnel: RunningTunnel;
  config: Config; // of this run, the overlay included
  settings: readonly string[]; // the overlay: `--set path=value`
  publicKey: string; // base64
  log: Log;
}>;

export class LiveNode implements Live, AgentView {
  private config: Config;
  private resolved: Resolved = { presharedKeys: new Map(), endpoints: new Map() };
  private routes: readonly Prefix[] = [];
  private detour: Detour = NO_DETOUR;
  private routing: Promise<void> = Promise.resolve();
  private skipped = '';
  private readonly names = new Names();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  /** Set while there is one. */
  mesh: RunningMesh | undefined;
  /** Set once, right after the faces are made. */
  mqtt: (() => MqttStatus | null) | undefined;
  private readonly startedAt = performance.now();

  constructor(private readonly options: LiveOptions) {
    this.config = options.config;
  }

  /** The configuration as it is now, the overlay included. */
  get current(): Config {
    return this.config;
  }

  /** Configures the tunnel and sets the interface up. The private key is the caller's to wipe. */
  async start(privateKey: Uint8Array): Promise<void> {
    const { tunnel, config, log } = this.options;
    this.names.configure(config, performance.now());
    this.resolved = this.resolve(config);
    tunnel.apply({ ...deviceChange(config, privateKey, this.resolved), fwmark: MARK });
    const { name, mtu, addresses } = config.interface;
    try {
      const remarks = await setLinkUp({ name, mtu, addresses }).catch(refused);
      for (const remark of remarks) log('error', remark);
      tunnel.setLink(true, mtu);
    } catch (error) {
      throw asFailure(error, config);
    }
    await clearDetours(name);
    await this.route();
    this.askNames();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    for (const key of this.resolved.presharedKeys.values()) wipe(key);
    await this.routing;
    const { name } = this.options.config.interface;
    await changeDetour(name, 'peers', this.detour, NO_DETOUR).catch(() => {}); // no `ip`, no rules
  }

  async apply(written: Config): Promise<readonly string[]> {
    const after = overlay(written, this.options.settings);
    const { config: before, resolved: old } = this;
    const { tunnel } = this.options;
    this.names.configure(after, performance.now());
    try {
      const resolved = this.resolve(after);
      try {
        tunnel.apply(deviceDifference(before, after, old, resolved));
      } catch (error) {
        tunnel.apply(deviceDifference(after, before, resolved, old));
        throw error;
      }
      this.config = after;
      this.resolved = resolved;
    } catch (error) {
      this.names.configure(before, performance.now());
      throw asFailure(error, after);
    }
    this.mesh?.reconfigured();
    await this.route();
    this.askNames();
    return restartPaths(this.options.config, after);
  }

  status(): Status {
    const { tunnel, publicKey } = this.options;
    const { config } = this;
    const { interface: link } = this.options.config;
    const device = this.device();
    const { engine, drops, handshakeDrops } = tunnel.counters();
    const wallSeconds = Date.now() / 1000;
    return {
      name: config.name,
      publicKey: device.publicKey ? encodeKey(device.publicKey) : publicKey,
      interface: link.name,
      addresses: [...(this.mesh?.addresses() ?? []), ...link.addresses],
      listen: { port: device.listenPort },
      cipher: {
        engine: engine.name,
        reason: engine.reason,
        checked: engine.checked,
        alarms: engine.alarms,
      },
      uptime: Math.floor((performance.now() - this.startedAt) / 1000),
      memory: { rss: process.memoryUsage.rss() },
      writes: { ...this.options.folder.writes },
      mqtt: this.mqtt?.() ?? null,
      peers: peerStatuses(config, device.peers, this.mesh?.members() ?? [], wallSeconds, (key) =>
        this.names.errorOf(key),
      ),
      mesh: this.mesh?.status() ?? null,
      drops: { ...drops, ...prefixed('handshake-', handshakeDrops) },
      version: VERSION,
      pid: process.pid,
    };
  }

  async meshPaths(): Promise<readonly MeshPath[]> {
    return (await this.mesh?.paths()) ?? [];
  }

  /** Keys from their files and endpoints as far as they are known. Throws Failure. */
  private resolve(config: Config): Resolved {
    const presharedKeys = new Map<string, Uint8Array>();
    const endpoints = this.names.known();
    for (const { presharedKeyFile: file, endpoint } of config.peers) {
      if (file !== null) presharedKeys.set(file, this.options.folder.readKey(file));
      const host = endpoint === null ? undefined : parseHost(endpoint);
      const literal = host && literalEndpoint(host);
      if (endpoint !== null && literal) endpoints.set(endpoint, literal);
    }
    return { presharedKeys, endpoints };
  }

  /** One change of routes after the other. */
  private route(): Promise<void> {
    const done = this.routing.then(() => this.changeRoutes());
    this.routing = done.catch(() => {});
    return done;
  }

  /** Routes as the configuration wants them now; what cannot be is logged, once while it is so. */
  private async changeRoutes(): Promise<void> {
    if (this.stopped) return;
    const { log } = this.options;
    const { name, addresses } = this.options.config.interface;
    const config = { ...this.config, interface: { ...this.config.interface, addresses } };
    const { routes, detours, skipped } = planRoutes(config, this.resolved.endpoints);
    const { remove, add } = routeDifference(this.routes, routes);
    const before = this.detour;
    this.routes = routes;
    this.detour = { routes: detours };
    if (skipped.join() !== this.skipped) for (const remark of skipped) log('info', remark);
    this.skipped = skipped.join();
    for (const remark of await changeRoutes(name, remove, add)) log('error', remark);
    for (const remark of await changeDetour(name, 'peers', before, this.detour))
      log('error', remark);
  }

  /** Asks for the names that are due, and sets the clock for the next ones. */
  private askNames(): void {
    if (this.stopped) return;
    const now = performance.now();
    const ages = this.handshakeAges();
    for (const [publicKey, host] of this.names.due(now, (key) => ages.get(key) ?? Infinity)) {
      lookUp(host.host).then((result) => {
        if (this.stopped) return;
        const endpoint = this.names.answer(publicKey, host, result, performance.now());
        if (endpoint) this.move(publicKey, endpoint);
        this.askNames();
      });
    }
    clearTimeout(this.timer);
    const deadline = this.names.deadline();
    if (deadline === undefined) return;
    this.timer = setTimeout(() => this.askNames(), Math.max(1, deadline - performance.now()));
  }

  /** Without keys. */
  private device(): Pick<DeviceState, 'publicKey' | 'listenPort' | 'peers'> {
    const state = this.options.tunnel.state();
    wipe(...[state.privateKey, ...state.peers.map((peer) => peer.presharedKey)].filter(isBytes));
    return state;
  }

  private handshakeAges(): Map<string, number> {
    const wall = Date.now();
    const states = this.names.deadline() === undefined ? [] : this.device().peers;
    return new Map(
      states.flatMap(({ publicKey, lastHandshake }) =>
        lastHandshake > 0 ? [[encodeKey(publicKey), wall - 1000 * lastHandshake]] : [],
      ),
    );
  }

  private move(publicKey: string, endpoint: Endpoint): void {
    const key = decodeKey(publicKey);
    if (!key) return;
    this.options.tunnel.apply({ peers: [{ publicKey: key, updateOnly: true, endpoint }] });
    const { presharedKeys } = this.resolved;
    const endpoints = new Map([...this.resolved.endpoints, ...this.names.known()]);
    this.resolved = { presharedKeys, endpoints };
    this.route().catch((error) => this.options.log('error', String(error)));
  }
}

/** The machine's reasons are those of handshake messages. */
function prefixed(prefix: string, counts: Readonly<Record<string, number>>) {
  const renamed = Object.entries(counts).map(([reason, count]) => [
    reason.startsWith(prefix) ? reason : `${prefix}${reason}`,
    count,
  ]);
  return Object.fromEntries(renamed) as Record<string, number>;
}

function isBytes(value: Uint8Array | null): value is Uint8Array {
  return value !== null;
}

const EADDRINUSE = 98; // errno.h

/** What `ip` says of an interface is for the owner to read, not a fault of the program. */
function refused(error: unknown): never {
  throw new Failure(error instanceof Error ? error.message : String(error));
}

function asFailure(error: unknown, config: Config): unknown {
  if (!(error instanceof DeviceError)) return error;
  if (error.errno === EADDRINUSE)
    return new Failure(
      `UDP port ${config.listen.port} is taken: choose another, kith config set listen.port PORT`,
    );
  return new Failure(error.message);
}
