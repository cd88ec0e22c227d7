// Driving the node by MQTT: the link, what is told over it, and what is asked over it. Another
// broker in the settings is another session; what was signed is remembered across sessions.

import type { Changes } from '../../commands/changes.js';
import type { Command } from '../../commands/command.js';
import type { Context, Status, UpdateStatus } from '../../commands/context.js';
import { labelOf } from '../../commands/label.js';
import type { Config } from '../../config/schema.js';
import type { Log } from '../ports.js';
import { AfarChanges, connectionOf } from './afar.js';
import { type Account, dialer } from './dial.js';
import type { EventType } from './events.js';
import { Link, type LinkView } from './link.js';
import { Requests } from './requests.js';
import { SignedRequests, type VerifySigned } from './signed.js';
import { Telling } from './telling.js';
import { Topics } from './topics.js';
import type { Dial, Message } from './wire.js';

export type MqttOptions = Readonly<{
  publicKey: string; // the node's own, base64
  config: Config; // of this run
  status(): Status;
  /** Absent where nobody looks for newer versions. */
  update?: (() => UpdateStatus) | undefined;
  changes: Changes;
  commands: readonly Command[];
  context(note: (line: string) => void): Context;
  /** Checks the arguments; throws Failure. */
  run(command: Command, given: unknown, context: Context): Promise<unknown>;
  /** Absent while the node is in no mesh. */
  verify?: VerifySigned | undefined;
  readSecret(file: string): Uint8Array;
  readPublic(file: string): Uint8Array;
  /** The broker in this process, once it is awake; undefined where there is none. */
  ownBroker?: (() => Dial | undefined) | undefined;
  log: Log;
}>;

export type MqttView = LinkView &
  Readonly<{ url: string | null; answered: number; unanswered: number; ignored: number }>;

type Session = Readonly<{ topics: Topics; link: Link; requests: Requests; telling: Telling }>;

const SWITCH_MS = 250; // the answer to whoever changes the broker goes to the old one first

export class Mqtt {
  readonly node: string;
  private config: Config;
  private session: Session | undefined;
  private timer: NodeJS.Timeout | undefined;
  private switching: Promise<void> = Promise.resolve();
  private readonly signed: SignedRequests;
  private readonly afar: AfarChanges;
  private readonly rendezvous = new Map<string, (message: Message) => void>();
  private readonly records = new Map<string, Uint8Array>();

  constructor(private readonly options: MqttOptions) {
    this.config = options.config;
    this.node = labelOf(options.publicKey);
    this.signed = new SignedRequests(this.node, options.verify, wall());
    const config = () => this.config.mqtt;
    this.afar = new AfarChanges({ changes: options.changes, config });
  }

  start(): void {
    this.open();
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    await this.switching;
    await this.close();
  }

  /** The settings are others now: at once where it can be, else after what is on its way. */
  changed(config: Config): void {
    const before = this.config;
    this.config = config;
    if (connectionOf(before) === connectionOf(config)) {
      this.session?.telling.changed(config);
      return;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.reopen(), SWITCH_MS);
  }

  /** The own broker woke up, or its place changed. */
  brokerChanged(): void {
    if (this.config.mqtt.url === null) this.reopen();
  }

  /** Something in the status is worth telling now. */
  poke(): void {
    this.session?.telling.soon();
  }

  /** For automations: `text` is a line for people, without secrets. */
  event(event_type: EventType, text: string): void {
    this.session?.telling.happened({ event_type, text });
  }

  view(): MqttView {
    const { session } = this;
    const { answered, unanswered, retained } = session?.requests.counts ?? NONE;
    const link = session?.link.view() ?? NO_LINK;
    return { ...link, url: this.config.mqtt.url, answered, unanswered, ignored: retained };
  }

  /** For rendezvous: a retained message on a topic of the mesh. False: there is no room. */
  retain(topic: string, payload: Uint8Array): boolean {
    if (!this.records.has(topic) && this.records.size >= RECORDS_MAX) return false;
    if (payload.length > 0) this.records.set(topic, payload);
    else this.records.delete(topic);
    this.session?.link.state(topic, payload);
    return true;
  }

  watch(topic: string, onMessage: (message: Message) => void): boolean {
    if (!this.rendezvous.has(topic) && this.rendezvous.size >= WATCHED_MAX) return false;
    this.rendezvous.set(topic, onMessage);
    return this.session?.link.watch(topic, onMessage) ?? true;
  }

  unwatch(topic: string): void {
    this.rendezvous.delete(topic);
    this.session?.link.unwatch(topic);
  }

  private reopen(): void {
    this.switching = this.switching.then(() => this.close()).then(() => this.open());
  }

  private async close(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    session?.telling.stop();
    await session?.link.stop();
  }

  private open(): void {
    const { mqtt } = this.config;
    const dial = mqtt.url === null ? this.options.ownBroker?.() : dialer(() => this.account());
    if (!mqtt.enabled || !dial) return;
    const topics = new Topics(mqtt.baseTopic, this.node);
    const { log, status, update, commands, context, run } = this.options;
    const link = new Link(
      {
        will: { topic: topics.state, payload: 'offline' },
        online: 'online',
        onMessage: (message) => requests.take(message),
        onConnected: (complete) => {
          telling.connected();
          if (complete) this.afar.linkStands();
        },
        log,
      },
      topics.subscriptions,
    );
    const telling = new Telling({ topics, link, status, update, commands, log }, this.config);
    const requests: Requests = new Requests({
      topics,
      signed: this.signed,
      commands,
      config: () => this.config.mqtt,
      afar: this.afar,
      context,
      run,
      publish: (topic, payload) => link.answer(topic, payload),
      publishEnd: (answer) => this.publishEnd(JSON.stringify(answer)),
      wall,
      log,
    });
    this.session = { topics, link, requests, telling };
    for (const [topic, payload] of this.records) link.state(topic, payload);
    for (const [topic, onMessage] of this.rendezvous) link.watch(topic, onMessage);
    void link.use(dial);
  }

  /** Said where we are connected then: after a change was taken back, that is the old broker. */
  private publishEnd(text: string): void {
    setTimeout(() => {
      void this.switching.then(() => {
        const { session } = this;
        if (session) session.link.answer(session.topics.configResult, text);
      });
    }, 2 * SWITCH_MS);
  }

  private account(): Account {
    const { url, username, passwordFile, caFile, certificateFile, keyFile } = this.config.mqtt;
    const { readSecret, readPublic } = this.options;
    return {
      url: url ?? '',
      clientId: `kith-${this.node}`,
      username: username ?? undefined,
      password: passwordFile === null ? undefined : firstLine(readSecret(passwordFile)),
      ca: caFile === null ? undefined : readPublic(caFile),
      certificate: certificateFile === null ? undefined : readPublic(certificateFile),
      key: keyFile === null ? undefined : readSecret(keyFile),
    };
  }
}

const RECORDS_MAX = 64; // our own, of each epoch key that is still in use
const WATCHED_MAX = 2_000; // members whose records are waited for

const NONE = { answered: 0, unanswered: 0, retained: 0 };
const NO_LINK: LinkView = {
  connected: false,
  protocol: null,
  reason: 'switched off, or no broker',
  connects: 0,
  received: 0,
  published: 0,
  refused: 0,
  dropped: 0,
};

function wall(): number {
  return Date.now() / 1000;
}

/** A password file ends with a line end where an editor wrote it. */
function firstLine(bytes: Uint8Array): Uint8Array {
  const end = bytes.findIndex((byte) => byte === 10 || byte === 13);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
