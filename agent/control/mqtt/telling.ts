// When the node tells how it is: at once when something matters, else at an interval, and all of it
// again when Home Assistant has started.

import type { Command } from '../../commands/command.js';
import type { Status, UpdateStatus } from '../../commands/context.js';
import type { Config } from '../../config/schema.js';
import type { Log } from '../ports.js';
import { Events, type NodeEvent } from './events.js';
import { discoveryPayload, discoveryTopic } from './homeassistant.js';
import type { Link } from './link.js';
import { whyNot } from './permission.js';
import { gist, Reports } from './reports.js';
import type { Topics } from './topics.js';

export type TellingOptions = Readonly<{
  topics: Topics;
  link: Link;
  status(): Status;
  /** Absent where nobody looks for newer versions. */
  update?: (() => UpdateStatus) | undefined;
  commands: readonly Command[];
  log: Log;
}>;

const LOOK_MS = 5_000; // how soon a change is seen that nobody told us of
const SOON_MS = 200; // several changes at once make one report
const BIRTH_MS = 2_000; // Home Assistant starts for a whole mesh: not all at once

export class Telling {
  private readonly reports: Reports;
  private readonly events = new Events();
  private timer: NodeJS.Timeout | undefined;
  private soonTimer: NodeJS.Timeout | undefined;
  private told = ''; // the gist of what was told last
  private toldAt = Number.NEGATIVE_INFINITY;
  private discovery: { topic: string; announced: Map<string, string> } | undefined;

  constructor(
    private readonly options: TellingOptions,
    private config: Config,
  ) {
    this.reports = new Reports(options.topics);
  }

  connected(): void {
    this.watchHomeAssistant();
    this.tell(this.options.status());
    this.look();
  }

  changed(config: Config): void {
    this.config = config;
    this.watchHomeAssistant();
    this.soon();
  }

  soon(): void {
    if (!this.options.link.connected) return;
    this.soonTimer ??= setTimeout(() => {
      this.soonTimer = undefined;
      this.tell(this.options.status());
    }, SOON_MS);
  }

  /** To whoever listens now, or as soon as the broker is back. */
  happened(event: NodeEvent): void {
    const { topics, link } = this.options;
    link.answer(topics.event, JSON.stringify(event));
  }

  stop(): void {
    clearTimeout(this.timer);
    clearTimeout(this.soonTimer);
  }

  /** Nothing is looked at while nobody could be told. */
  private look(): void {
    clearTimeout(this.timer);
    const interval = 1000 * this.config.mqtt.intervalSeconds;
    this.timer = setTimeout(
      () => {
        if (!this.options.link.connected) return;
        const status = this.options.status();
        const due = performance.now() - this.toldAt >= interval - 1;
        if (due || gist(status) !== this.told) this.tell(status);
        this.look();
      },
      Math.min(LOOK_MS, interval),
    );
  }

  private tell(status: Status): void {
    const { topics, link } = this.options;
    const now = performance.now();
    this.told = gist(status);
    this.toldAt = now;
    const reports = this.reports.make(status, this.config, now, Date.now() / 1000);
    for (const [topic, text] of reports) link.state(topic, text);
    link.state(topics.update, updateText(status, this.options.update?.()));
    for (const event of this.events.since(status)) this.happened(event);
    for (const topic of link.topics())
      if (topic.startsWith(topics.peer('')) && !reports.has(topic)) link.state(topic, '');
    this.announce(status);
  }

  private announce(status: Status): void {
    const { topics, link, commands } = this.options;
    const { mqtt } = this.config;
    const prefix = mqtt.discoveryPrefix;
    const topic = prefix === null ? undefined : discoveryTopic(prefix, topics);
    if (this.discovery && this.discovery.topic !== topic) {
      link.state(this.discovery.topic, ''); // takes the device away
      this.discovery = undefined;
    }
    if (topic === undefined) return;
    const announced = this.discovery?.announced ?? new Map<string, string>();
    const allowed = commands.filter((command) => whyNot(command, mqtt, 'anybody') === undefined);
    const names = allowed.map(({ name }) => name);
    const input = { topics, status, commands: names, announced };
    const payload = discoveryPayload(input);
    this.discovery = { topic, announced: platforms(payload) };
    link.state(topic, JSON.stringify(payload));
  }

  private watchHomeAssistant(): void {
    const { discoveryPrefix } = this.config.mqtt;
    if (discoveryPrefix === null) return;
    this.options.link.watch(`${discoveryPrefix}/status`, ({ payload, retained }) => {
      if (retained || Buffer.from(payload).toString() !== 'online') return;
      setTimeout(() => this.options.link.republish(), BIRTH_MS * Math.random()).unref();
    });
  }
}

/** As Home Assistant's update platform reads it. */
function updateText({ version }: Status, update: UpdateStatus | undefined): string {
  return JSON.stringify({
    installed_version: update?.installed ?? version,
    latest_version: update?.latest ?? version,
    title: 'kith',
    ...(update?.summary && { release_summary: update.summary }),
    ...(update?.url && { release_url: update.url }),
    in_progress: typeof update?.progress === 'number',
    update_percentage: update?.progress ?? null,
  });
}

function platforms(payload: Readonly<Record<string, unknown>>): Map<string, string> {
  const components = payload.cmps as Readonly<Record<string, { p: string }>>;
  return new Map(Object.entries(components).map(([id, { p }]) => [id, p]));
}
