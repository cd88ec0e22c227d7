// The dashboard: a page, and behind a login the node's commands and settings by MQTT over
// WebSocket. Until somebody connects there is nothing but a listening socket; HTTP, the broker and
// the rest are loaded then.

import type { Socket } from 'node:net';
import type { DashboardAccess } from '../../commands/context.js';
import type { Config } from '../../config/schema.js';
import type { MqttOptions } from '../mqtt/mqtt.js';
import { Listening } from './listening.js';
import type { Site } from './site.js';

export type DashboardOptions = Readonly<{
  /** Settings as they are at the start, and all that the session of the pages needs. */
  mqtt: MqttOptions;
  /** Where to listen now. */
  addresses(): readonly string[];
  /** As it stands in its file now, for the caller to wipe. */
  password(): Uint8Array;
  random(bytes: number): Uint8Array;
  /** The folder of the page; beside the program if not given. */
  pages?: URL | undefined;
}>;

export class Dashboard {
  private readonly listening: Listening;
  private loading: Promise<Site> | undefined;
  private site: Site | undefined;
  private config: Config;

  constructor(private readonly options: DashboardOptions) {
    this.config = options.mqtt.config;
    this.listening = new Listening({
      port: this.config.dashboard.port,
      addresses: options.addresses,
      onConnection: (socket) => this.accept(socket),
    });
  }

  async start(): Promise<void> {
    await this.listening.start();
    const { port } = this.config.dashboard;
    if (this.listening.port === 0)
      this.options.mqtt.log('error', `no port for the dashboard near ${port} is free`);
  }

  async stop(): Promise<void> {
    this.listening.stop();
    await this.site?.stop();
  }

  changed(config: Config): void {
    this.config = config;
    this.site?.changed(config);
  }

  /** Null where it does not listen. */
  access(): DashboardAccess | null {
    const urls = this.urls();
    if (urls.length === 0) return null;
    return { urls, password: Buffer.from(this.options.password()).toString() };
  }

  /** The nearest first. */
  urls(): string[] {
    const { port } = this.listening;
    if (port === 0) return [];
    const hosts = this.listening.addresses().map((one) => (one.includes(':') ? `[${one}]` : one));
    return hosts.map((host) => `http://${host}:${port}/`);
  }

  private accept(socket: Socket): void {
    this.loading ??= this.load();
    this.loading.then(
      (site) => site.accept(socket),
      (error) => {
        this.options.mqtt.log('error', `the dashboard does not start: ${String(error)}`);
        socket.destroy();
      },
    );
  }

  private async load(): Promise<Site> {
    const { Site } = await import('./site.js');
    this.site = new Site({ ...this.options, config: () => this.config });
    return this.site;
  }
}
