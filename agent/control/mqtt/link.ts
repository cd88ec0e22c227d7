// The link to a broker: kept up, with pauses that grow, and everything that should lie there put
// there again after each break, because a broker may forget.

import { Outbox, type Payload } from './outbox.js';
import type { Dial, Message, Will, Wire } from './wire.js';

export type LinkView = Readonly<{
  connected: boolean;
  protocol: string | null; // `MQTT 5`, `MQTT 3.1.1`
  reason: string | null; // why not connected
  connects: number;
  received: number;
  published: number;
  refused: number; // by the broker's access rules
  dropped: number; // the broker was away or too slow
}>;

export type LinkOptions = Readonly<{
  will: Will;
  /** Lies in the will's place while we are there. */
  online: string;
  onMessage(message: Message): void;
  /** `complete`: the broker refused nothing of what we need. */
  onConnected(complete: boolean): void;
  log(level: 'error' | 'info' | 'verbose', line: string): void;
}>;

const IN_FLIGHT_MAX = 16; // published and not yet acknowledged
const PAUSE_FIRST_MS = 1_000;
const PAUSE_MAX_MS = 60_000;
const STEADY_MS = 30_000; // a connection that lasted so long was a good one
const FLUSH_MS = 1_000; // for what is on its way before the connection is given up
const BATCH = 64; // topics in one SUBSCRIBE
const WATCHED_MAX = 2_048; // topics beside our own: rendezvous of members

export class Link {
  private wire: Wire | undefined;
  private dial: Dial | undefined;
  private generation = 0; // what an older connection says is not heard
  private timer: NodeJS.Timeout | undefined;
  private pauseMs = PAUSE_FIRST_MS;
  private connectedAt = 0;
  private inFlight = 0;
  private reason: string | null = null;
  private readonly outbox = new Outbox();
  private readonly watched = new Map<string, (message: Message) => void>();
  private readonly counts = { connects: 0, received: 0, published: 0, refused: 0 };
  private idle: (() => void)[] = [];

  constructor(
    private readonly options: LinkOptions,
    private readonly subscriptions: readonly string[],
  ) {}

  /** Connects by `dial` from now on; another connection is ended first, its letters delivered. */
  async use(dial: Dial | undefined): Promise<void> {
    const mine = ++this.generation;
    clearTimeout(this.timer);
    this.dial = dial;
    const { wire } = this;
    if (wire) {
      await this.flush();
      this.wire = undefined;
      await this.bidFarewell(wire);
    }
    this.pauseMs = PAUSE_FIRST_MS;
    this.reason = null;
    if (mine === this.generation && dial) void this.connect(mine);
  }

  stop(): Promise<void> {
    return this.use(undefined);
  }

  /** What should lie on the broker for whoever comes; an empty text takes it away. */
  state(topic: string, payload: Payload): void {
    if (this.outbox.state(topic, payload)) this.pump();
  }

  /** `delivered` is told once a broker has it, whichever one that is by then. */
  answer(topic: string, payload: string, delivered?: () => void): boolean {
    const taken = this.outbox.answer({ topic, payload, retain: false, delivered });
    this.pump();
    return taken;
  }

  /** Hears another exact topic; false where there are too many. */
  watch(topic: string, onMessage: (message: Message) => void): boolean {
    if (!this.watched.has(topic) && this.watched.size >= WATCHED_MAX) return false;
    this.watched.set(topic, onMessage);
    if (this.wire) void this.subscribe(this.wire, [topic]);
    return true;
  }

  unwatch(topic: string): void {
    if (this.watched.delete(topic)) this.wire?.unsubscribe(topic).catch(() => {});
  }

  view(): LinkView {
    const { wire, outbox, reason, counts } = this;
    const protocol = wire?.protocol ?? null;
    return { connected: !!wire, protocol, reason, ...counts, dropped: outbox.dropped };
  }

  get connected(): boolean {
    return this.wire !== undefined;
  }

  /** Everything that should lie there, once more. */
  republish(): void {
    this.outbox.renew();
    this.pump();
  }

  /** Topics of states, to take away those that are no more. */
  topics(): string[] {
    return this.outbox.topics();
  }

  /** Resolves when nothing is waiting or on its way, or it takes too long. */
  private async flush(): Promise<void> {
    if (!this.wire || (this.inFlight === 0 && this.outbox.waiting === 0)) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, FLUSH_MS);
      this.idle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private async connect(mine: number): Promise<void> {
    const { dial, options } = this;
    if (!dial) return;
    try {
      const wire = await dial(options.will, {
        onMessage: (message) => this.receive(mine, message),
        onClosed: (reason) => this.lost(mine, reason),
      });
      if (mine !== this.generation) return await wire.close();
      const { refused } = this.counts;
      await this.subscribe(wire, this.subscriptions);
      const complete = refused === this.counts.refused;
      await wire
        .publish(options.will.topic, options.online, true)
        .catch(() => this.counts.refused++);
      if (mine !== this.generation) return await wire.close();
      this.arrived(wire, complete);
    } catch (error) {
      this.lost(mine, error instanceof Error ? error.message : String(error));
    }
  }

  private arrived(wire: Wire, complete: boolean): void {
    this.wire = wire;
    this.inFlight = 0;
    this.counts.connects++;
    this.connectedAt = performance.now();
    this.options.log('info', `MQTT: connected (${wire.protocol})`);
    this.reason = null;
    this.outbox.renew();
    this.options.onConnected(complete);
    this.pump();
    void this.subscribeMany(wire);
  }

  private lost(mine: number, reason: string): void {
    if (mine !== this.generation) return;
    if (this.wire && performance.now() - this.connectedAt > STEADY_MS)
      this.pauseMs = PAUSE_FIRST_MS;
    this.wire = undefined;
    this.generation++;
    if (reason !== this.reason) this.options.log('error', `MQTT: ${reason}`);
    this.reason = reason;
    const next = this.generation;
    // Not all at the same moment when a broker comes back to a mesh of many.
    const pause = this.pauseMs * (0.5 + Math.random() / 2);
    this.pauseMs = Math.min(PAUSE_MAX_MS, this.pauseMs * 2);
    this.timer = setTimeout(() => void this.connect(next), pause);
  }

  private receive(mine: number, message: Message): void {
    if (mine !== this.generation) return;
    this.counts.received++;
    const watcher = this.watched.get(message.topic);
    if (watcher) watcher(message);
    else this.options.onMessage(message);
  }

  private async subscribeMany(wire: Wire): Promise<void> {
    const topics = [...this.watched.keys()];
    for (let i = 0; i < topics.length && wire === this.wire; i += BATCH)
      await wire.subscribe(topics.slice(i, i + BATCH)).catch(() => this.counts.refused++);
  }

  private async subscribe(wire: Wire, topics: readonly string[]): Promise<void> {
    for (const topic of topics) {
      try {
        await wire.subscribe([topic]); // one by one, so that one refusal is not all of them
      } catch (error) {
        this.counts.refused++;
        const said = error instanceof Error ? error.message : String(error);
        this.options.log('error', `MQTT: cannot subscribe to ${topic}: ${said}`);
      }
    }
  }

  private pump(): void {
    const { wire, outbox } = this;
    while (wire && wire === this.wire && this.inFlight < IN_FLIGHT_MAX) {
      const letter = outbox.take();
      if (!letter) break;
      this.inFlight++;
      wire.publish(letter.topic, letter.payload, letter.retain).then(
        () => {
          if (wire === this.wire) this.inFlight--;
          this.counts.published++;
          letter.delivered?.();
          this.pump();
        },
        () => {
          if (wire !== this.wire) return outbox.putBack(letter);
          this.inFlight--;
          this.counts.refused++; // the connection stands: the broker does not want it
          this.pump();
        },
      );
    }
    if (!wire || (this.inFlight === 0 && outbox.waiting === 0))
      for (const done of this.idle.splice(0)) done();
  }

  private async bidFarewell(wire: Wire): Promise<void> {
    const { topic, payload } = this.options.will;
    const late = new Promise<void>((resolve) => setTimeout(resolve, FLUSH_MS).unref());
    await Promise.race([wire.publish(topic, payload, true).catch(() => {}), late]);
    await wire.close();
  }
}
