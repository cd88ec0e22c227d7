// The faces of a running agent besides the command line: MQTT, the broker of its own, and the
// dashboard. They follow the configuration, and changes that come through them can be taken back.

import { networkInterfaces } from 'node:os';
import { encodeKey } from '../bytes/base64.js';
import type { Changes } from '../commands/changes.js';
import type {
  Context,
  DashboardAccess,
  MqttStatus,
  Status,
  Store,
  UpdateStatus,
} from '../commands/context.js';
import { Failure, failureLines } from '../commands/failure.js';
import { COMMANDS } from '../commands/registry.js';
import { runCommand } from '../commands/run.js';
import type { Config } from '../config/schema.js';
import type { Broker } from './broker/broker.js';
import { ConfigChanges } from './changes.js';
import type { SerialConsole } from './console/console.js';
import type { Dashboard } from './dashboard/dashboard.js';
import type { Folder } from './folder.js';
import type { EventType } from './mqtt/events.js';
import type { Mqtt, MqttOptions } from './mqtt/mqtt.js';
import type { Commanders } from './mqtt/orders.js';
import type { Log } from './ports.js';
import { type Live, loadIdentity, overlay } from './store.js';

export type FacesOptions = Readonly<{
  folder: Folder;
  config: Config; // of this run
  settings: readonly string[]; // --set
  status(): Status;
  /** Absent where nobody looks for newer versions. */
  update?: (() => UpdateStatus) | undefined;
  /** Whose orders count here; null while the node is in no mesh. */
  commanders(): Commanders | null;
  random(bytes: number): Uint8Array;
  log: Log;
}>;

const BROKER_PASSWORD = 'broker.password';
const DASHBOARD_PASSWORD = 'dashboard.password';
const PASSWORD_LETTERS = 20; // of 32: 100 bits
const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789'; // none that is read for another

/** In this order: live, changesOf, start, …, stop. */
export class Faces {
  private config: Config;
  private changes: ConfigChanges | undefined;
  private mqtt: Mqtt | undefined;
  private broker: Broker | undefined;
  private console: SerialConsole | undefined;
  private context: ((note: (line: string) => void) => Context) | undefined;
  private dashboard: Dashboard | undefined;

  constructor(private readonly options: FacesOptions) {
    this.config = options.config;
  }

  /** What the store tells of changes, for the node and then for the faces. */
  live(node: Live): Live {
    return {
      apply: async (written) => {
        const restart = await node.apply(written);
        this.config = overlay(written, this.options.settings);
        if (this.mqtt) await this.followBroker();
        this.mqtt?.changed(this.config);
        await this.followSerial();
        this.dashboard?.changed(this.config);
        return restart;
      },
    };
  }

  changesOf(store: Store): Changes {
    this.changes ??= new ConfigChanges(store, this.options.folder, this.options.log);
    return this.changes;
  }

  async start(context: (note: (line: string) => void) => Context): Promise<void> {
    const { changes } = this;
    if (!changes) throw new RangeError('changesOf was not called');
    const { folder, status, update, commanders, log } = this.options;
    await this.followBroker();
    const { Mqtt } = await import('./mqtt/mqtt.js');
    const { orderVerifier } = await import('./mqtt/orders.js');
    const options: MqttOptions = {
      publicKey: this.publicKey(),
      config: this.config,
      status,
      update,
      changes,
      commands: COMMANDS,
      context,
      run: runCommand,
      verify: orderVerifier(commanders),
      readSecret: (file) => folder.readSecret(file),
      readPublic: (file) => folder.readPublic(file),
      log,
    };
    this.mqtt = new Mqtt({ ...options, ownBroker: () => this.broker?.dial() });
    this.mqtt.start();
    this.context = context;
    await this.followSerial();
    if (this.config.dashboard.enabled) await this.startDashboard(options);
  }

  /** Something about the peers has changed. */
  poke(): void {
    this.mqtt?.poke();
  }

  /** Something that is told once, such as what became of an update. */
  event(type: EventType, line: string): void {
    this.mqtt?.event(type, line);
  }

  async stop(): Promise<void> {
    this.changes?.stop();
    await this.console?.stop();
    await this.dashboard?.stop();
    await this.mqtt?.stop();
    await this.broker?.stop();
  }

  /** Null while MQTT is off. */
  mqttStatus(): MqttStatus | null {
    if (!this.mqtt || !this.config.mqtt.enabled) return null;
    const { url, connected, protocol, reason } = this.mqtt.view();
    return { url, connected, protocol, reason };
  }

  /** Null where there is no dashboard. */
  dashboardAccess(): DashboardAccess | null {
    return this.dashboard?.access() ?? null;
  }

  /** For rendezvous over the broker. */
  get link(): Mqtt | undefined {
    return this.mqtt;
  }

  get ownBroker(): Broker | undefined {
    return this.broker;
  }

  private complain(error: unknown): void {
    if (!(error instanceof Failure)) throw error;
    for (const line of failureLines(error)) this.options.log('error', `broker: ${line}`);
  }

  /** Nothing of it is loaded before a port is named. */
  private async followSerial(): Promise<void> {
    const { config, context } = this;
    if (this.console) return this.console.changed(config);
    if (!context || config.serial.port === null) return;
    const { SerialConsole } = await import('./console/console.js');
    if (this.console) return this.followSerial();
    const { folder, log } = this.options;
    const readSecret = (file: string) => folder.readSecret(file);
    this.console = new SerialConsole({ config, commands: COMMANDS, context, readSecret, log });
    this.console.start();
  }

  /** A broker that nobody needs any more goes at the next start: it may be needed back soon. */
  private async followBroker(): Promise<void> {
    if (this.broker || !hasBroker(this.config)) return;
    // A tunnel is worth more than its dashboards: what is wrong here is said, and the node runs.
    await this.startBroker().catch((error) => this.complain(error));
  }

  private async startBroker(): Promise<void> {
    const { Broker } = await import('./broker/broker.js');
    const { broker: settings } = this.config;
    this.broker = new Broker({
      settings,
      password: this.password(BROKER_PASSWORD),
      addresses: listenAddresses(settings.reach, this.config.interface.name),
      onAwake: () => this.mqtt?.brokerChanged(),
      log: this.options.log,
    });
    await this.broker.start();
  }

  private async startDashboard(mqtt: MqttOptions): Promise<void> {
    const { Dashboard } = await import('./dashboard/dashboard.js');
    const { listen } = this.config.dashboard;
    const { name: tunnel } = this.config.interface;
    const { random, log } = this.options;
    const known = listen === 'lan' || listen === 'loopback';
    this.dashboard = new Dashboard({
      mqtt,
      addresses: () => (known ? listenAddresses(listen, tunnel) : [listen]),
      password: () => this.password(DASHBOARD_PASSWORD),
      random,
    });
    await this.dashboard.start();
    const [url] = this.dashboard.urls();
    if (url !== undefined) log('info', `dashboard: ${url}, password by \`kith dashboard\``);
  }

  /** The node's own, whichever key its tunnel has. */
  private publicKey(): string {
    const identity = loadIdentity(this.options.folder, this.options.random);
    identity.wipe();
    return encodeKey(identity.publicKey);
  }

  /** Made when it is first asked for; for its owner to read. */
  private password(file: string): Uint8Array {
    const { folder, random } = this.options;
    if (!folder.has(file)) {
      const letters = [...random(PASSWORD_LETTERS)].map((byte) => LETTERS[byte % 32]);
      folder.writeSecret(file, Buffer.from(`${letters.join('')}\n`));
    }
    const bytes = folder.readSecret(file);
    return Buffer.from(Buffer.from(bytes).toString().trim());
  }
}

export function hasBroker({ broker, mqtt }: Config): boolean {
  return broker.enabled === 'on' || (broker.enabled === 'auto' && mqtt.enabled && !mqtt.url);
}

/** Loopback, and with `lan` the private addresses of all links but the tunnel's. */
export function listenAddresses(reach: 'loopback' | 'lan', tunnel: string): string[] {
  const loopback = ['127.0.0.1', '::1'];
  if (reach === 'loopback') return loopback;
  const links = Object.entries(networkInterfaces()).filter(([name]) => name !== tunnel);
  const addresses = links.flatMap(([, found]) => found ?? []).filter(({ internal }) => !internal);
  return [...loopback, ...addresses.map(({ address }) => address).filter(isPrivate)];
}

/** RFC 1918, and RFC 4193 for IPv6. */
function isPrivate(address: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd][0-9a-f]{2}:)/.test(address);
}
