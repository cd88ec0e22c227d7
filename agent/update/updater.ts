// Updates of a running agent: performs what the machine says, and tells it what came of it.

import { decodeKey } from '../bytes/base64.js';
import { ed25519 } from '../crypto/ed25519.js';
import type { Effect, Found, Moment, UpdateView } from './effects.js';
import { UpdateMachine } from './machine.js';
import { readManifest, type SignedManifest, type Target } from './manifest.js';
import type { Memory } from './policy.js';
import { ReleaseServer } from './server.js';
import type { Needs } from './slots.js';
import { Neighbours } from './sources.js';
import type { Surroundings } from './surroundings.js';
import { messageOf, Works } from './works.js';

const TIMER_MOST_MS = 3_600_000; // the wall clock may jump; look at the window once an hour
const SPARE_ARCHIVE_BYTES = 8 * 1_048_576; // with less left, the archive is not kept for others
const REACH_MS = 15_000; // to find out who reaches us before the switch
const LISTEN_AGAIN_MS = 5_000;
const RECENT_MS = 180_000; // a WireGuard session's life (REJECT_AFTER_TIME)

export class Updater {
  private readonly machine: UpdateMachine;
  private readonly neighbours: Neighbours;
  private readonly works: Works;
  private readonly ending = new AbortController();
  private fetching = new AbortController();
  private service: ReleaseServer | undefined;
  private looked: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private listening: NodeJS.Timeout | undefined;
  private reached: ((name: string) => void) | undefined; // while we find out who reaches us
  private readonly startedAt = Date.now();

  constructor(private readonly around: Surroundings) {
    const { slots, memory, settings } = around;
    const { installed, previous, start } = slots;
    const newest = memory.manifest ? this.read(memory.manifest) : undefined;
    const found: Found = { installed, previous, start, memory, newest };
    this.neighbours = new Neighbours(around.servicePort);
    this.works = new Works(around, this.neighbours, this.ending.signal);
    this.machine = new UpdateMachine(found, settings(), Math.random, moment());
  }

  start(): void {
    this.perform(this.machine.begin(moment()));
    this.listen();
  }

  stop(): void {
    this.ending.abort();
    this.fetching.abort();
    clearTimeout(this.timer);
    clearTimeout(this.listening);
    this.service?.stop();
  }

  /** The configuration has changed. */
  reconfigured(): void {
    this.perform(this.machine.reconfigured(this.around.settings(), moment()));
  }

  view(): UpdateView {
    return this.machine.view(performance.now(), Date.now());
  }

  // Orders; each resolves to a sentence of refusal, or undefined

  /** Resolves when all who were asked have answered, or not. */
  async check(): Promise<void> {
    this.perform(this.machine.check(moment()));
    await this.looked;
  }

  apply(): string | undefined {
    return this.order(this.machine.apply(moment()));
  }

  confirm(): string | undefined {
    return this.order(this.machine.confirm());
  }

  rollBack(): string | undefined {
    return this.order(this.machine.rollBack());
  }

  /** An announcement that somebody brought; it needs no trust, it is signed. */
  announce(bytes: Uint8Array): string | undefined {
    const manifest = readManifest(bytes, this.keys(), ed25519.verify);
    if ('refused' in manifest) return REFUSALS[manifest.refused];
    this.perform(this.machine.onManifest(manifest));
    return undefined;
  }

  /** A member began a session with us. */
  onReached(name: string): void {
    this.reached?.(name);
    this.perform(this.machine.onReached(name, moment()));
  }

  /** The mesh has begun: there is an address now. */
  listen(): void {
    const { around } = this;
    const address = around.address();
    clearTimeout(this.listening);
    if (this.service || address === undefined || !around.settings().share || this.ended) return;
    const { signal } = this.ending;
    const service = new ReleaseServer({
      address,
      ...(around.servicePort !== undefined && { port: around.servicePort }),
      folder: () => around.archives.path,
      memberAt: around.memberAt,
      release: () => this.machine.release(),
      manifest: () => this.machine.manifest?.bytes,
      onReached: (name) => this.onReached(name),
      reach: (to) => this.neighbours.reach(to, signal),
    });
    this.service = service;
    service.listen().catch((error: unknown) => {
      service.stop();
      this.service = undefined;
      around.log(`releases are not served to members yet: ${messageOf(error)}`);
      if (!this.ended) this.listening = setTimeout(() => this.listen(), LISTEN_AGAIN_MS).unref();
    });
  }

  private get ended(): boolean {
    return this.ending.signal.aborted;
  }

  private order(done: Effect[] | Readonly<{ refused: string }>): string | undefined {
    if ('refused' in done) return done.refused;
    this.perform(done);
    return undefined;
  }

  private keys(): Uint8Array[] {
    return this.around.settings().keys.flatMap((key) => decodeKey(key) ?? []);
  }

  private read(bytes: Uint8Array): SignedManifest | undefined {
    const manifest = readManifest(bytes, this.keys(), ed25519.verify);
    return 'refused' in manifest ? undefined : manifest;
  }

  private perform(effects: readonly Effect[]): void {
    for (const effect of effects) this.performOne(effect);
    this.wind();
  }

  /** The clock for what comes next. */
  private wind(): void {
    clearTimeout(this.timer);
    if (this.ended) return;
    const wait = Math.max(10, this.machine.deadline() - performance.now());
    const tick = () => this.perform(this.machine.tick(moment()));
    this.timer = setTimeout(tick, Math.min(wait, TIMER_MOST_MS)).unref();
  }

  private performOne(effect: Effect): void {
    const { around, works } = this;
    switch (effect.do) {
      case 'look':
        this.looked = this.look();
        this.begin(this.looked);
        break;
      case 'fetch':
        this.begin(this.fetch(effect.manifest, effect.target));
        break;
      case 'stop-fetching':
        this.fetching.abort();
        break;
      case 'install':
        this.begin(this.install(effect.version, effect.target));
        break;
      case 'switch':
        this.begin(this.switchTo(effect.version, effect.seconds));
        break;
      case 'keep':
        this.keep();
        break;
      case 'give-up':
        this.begin(this.giveUp());
        break;
      case 'settle':
        this.settle();
        break;
      case 'examine':
        this.examine();
        break;
      case 'knock':
        this.begin(works.knock());
        break;
      case 'ask':
        this.begin(this.ask(effect.member));
        break;
      case 'remember':
        this.remember(effect.memory);
        break;
      case 'say':
        around.onEvent(effect.event, effect.line);
        break;
    }
  }

  /** Each of these handles what is expected to fail; what is left is said, and updates go on. */
  private begin(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!this.ended) this.around.log(`updates: ${messageOf(error)}`);
    });
  }

  private guard(what: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.around.log(`${what}: ${messageOf(error)}`);
    }
  }

  private async look(): Promise<void> {
    try {
      for (const bytes of await this.works.look()) {
        const refused = this.announce(bytes);
        if (refused !== undefined) this.around.log(`an announcement was refused: ${refused}`);
      }
    } finally {
      this.machine.onLooked(moment());
      this.wind();
    }
  }

  private async fetch({ version }: SignedManifest, target: Target): Promise<void> {
    this.fetching = new AbortController();
    const progress = (bytes: number) => this.machine.onProgress(bytes);
    const { signal } = this.fetching;
    const failure = await failureOf(this.works.fetch(version, target, signal, progress));
    if (!this.ended) this.perform(this.machine.onFetched(failure, false, moment()));
  }

  private async install(version: string, target: Target): Promise<void> {
    const failure = await failureOf(this.works.install(version, target));
    if (!this.ended) this.perform(this.machine.onInstalled(failure, moment()));
  }

  private async switchTo(version: string, seconds: number): Promise<void> {
    const { slots, keepConfig } = this.around;
    try {
      const needs = await this.whoReaches();
      if (this.ended) return;
      keepConfig();
      slots.arm(version, seconds, needs);
      await slots.restart();
    } catch (error) {
      this.perform(this.machine.onSwitchFailed(messageOf(error), moment()));
    }
  }

  private async giveUp(): Promise<void> {
    const { slots } = this.around;
    slots.giveUp();
    await slots.restart();
  }

  /** Only who reaches this release can be asked to reach the next. */
  private async whoReaches(): Promise<Needs> {
    const { peerSince } = this.around;
    if (this.service && (await this.isReached())) return 'member';
    return peerSince(Date.now() - RECENT_MS) === undefined ? 'nobody' : 'peer';
  }

  private async isReached(): Promise<boolean> {
    if (this.around.neighbours().length === 0) return false;
    const again = setInterval(() => this.begin(this.works.knock()), REACH_MS / 3).unref();
    this.begin(this.works.knock());
    const reached = await new Promise<boolean>((resolve) => {
      this.reached = () => resolve(true);
      setTimeout(() => resolve(false), REACH_MS).unref();
    });
    clearInterval(again);
    this.reached = undefined;
    return reached;
  }

  private async ask(member: string): Promise<void> {
    const release = await this.works.ask(member);
    if (!this.ended) this.perform(this.machine.onMember(member, release, moment()));
  }

  private remember(memory: Memory): void {
    this.guard('what is known of updates is not written', () => this.around.remember(memory));
  }

  private keep(): void {
    const { slots, dropKept, log } = this.around;
    try {
      slots.keep();
      dropKept();
      this.spare();
    } catch (error) {
      log(`the release could not be confirmed: ${messageOf(error)}`);
    }
  }

  private settle(): void {
    const { slots } = this.around;
    this.guard('what an update left was not cleared away', () => {
      slots.settle();
      this.spare();
    });
  }

  /** An archive stays for other members where there is room for it. */
  private spare(): void {
    const { slots, archives, settings } = this.around;
    const { download: free } = slots.room();
    if (!settings().share || free < SPARE_ARCHIVE_BYTES) archives.clear();
  }

  private examine(): void {
    const { ill, peerSince } = this.around;
    const { start } = this.around.slots;
    if (start.is === 'trial' && start.needs === 'peer') {
      const peer = peerSince(this.startedAt);
      if (peer !== undefined) this.perform(this.machine.onReached(peer, moment()));
    }
    this.perform(this.machine.onHealth(ill(), moment()));
  }
}

const REFUSALS = {
  form: 'it is no announcement of a release',
  'unknown-key': 'its publisher is none of update.keys',
  signature: 'its signature is wrong',
} as const;

function moment(): Moment {
  const date = new Date();
  return { now: performance.now(), minute: 60 * date.getHours() + date.getMinutes() };
}

/** The reason in words; undefined where it went well. */
async function failureOf(work: Promise<void>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
