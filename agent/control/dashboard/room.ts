// Where pages that have logged in meet the agent: a broker and an MQTT session of their own, apart
// from those that the node is driven by elsewhere. They are there while somebody looks.

import type { Duplex } from 'node:stream';
import type { Config } from '../../config/schema.js';
import { Broker } from '../broker/broker.js';
import { Mqtt, type MqttOptions } from '../mqtt/mqtt.js';
import type { Log } from '../ports.js';

const LINGER_MS = 30_000; // a page that is loaded anew finds everything still there
const INTERVAL_S = 3_600; // pages ask for what they show; only what matters is told unasked

export class Room {
  private readonly broker: Broker;
  private readonly mqtt: Mqtt;
  private guests = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    options: MqttOptions,
    random: (bytes: number) => Uint8Array,
    private readonly onEmpty: () => void,
  ) {
    this.broker = new Broker({
      settings: { ...options.config.broker, webSocketPort: null },
      password: random(32), // nobody comes in by it
      addresses: [],
      onAwake: () => this.mqtt.brokerChanged(),
      log: options.log,
    });
    const config = within(options.config);
    // That a page has come is said at its login.
    const log: Log = (level, line) =>
      options.log(level === 'info' ? 'verbose' : level, `dashboard: ${line}`);
    this.mqtt = new Mqtt({ ...options, config, log, ownBroker: () => this.broker.dial() });
    this.mqtt.start();
  }

  enter(stream: Duplex): void {
    this.guests++;
    clearTimeout(this.timer);
    stream.once('close', () => {
      if (--this.guests > 0) return;
      this.timer = setTimeout(this.onEmpty, LINGER_MS);
      this.timer.unref();
    });
    this.broker.accept(stream, true);
  }

  changed(config: Config): void {
    this.mqtt.changed(within(config));
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    await this.mqtt.stop();
    await this.broker.stop();
  }
}

/** The settings as they are, but for the way that MQTT takes in here. */
function within(config: Config): Config {
  const { confirmSeconds } = config.mqtt;
  const here = { enabled: true, url: null, baseTopic: 'kith', discoveryPrefix: null } as const;
  const open = { allow: 'change', privileged: 'signed', intervalSeconds: INTERVAL_S } as const;
  return { ...config, mqtt: { ...config.mqtt, ...here, ...open, confirmSeconds } };
}
