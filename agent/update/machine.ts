// The machine of updates, without input and output: what happens goes in, effects come out.
//
//   idle ─ announcement ─▶ announced ─▶ downloading ─▶ ready / waiting ─▶ installing ─▶ (restart)
//     ▲                                                                                    │
//     ├──────────── confirmed: healthy for a while, and reached from outside ◀──────── trial
//     └──────────── rolled back: too late, or ended three times ◀─ (restart) ◀────────────┘

import type {
  Effect,
  Found,
  MemberRelease,
  Moment,
  Settings,
  State,
  UpdateEvent,
  UpdateView,
} from './effects.js';
import type { SignedManifest } from './manifest.js';
import { judge, type Memory, type Offer, raisedFloor } from './policy.js';
import { Schedule } from './schedule.js';
import type { Returned } from './slots.js';
import { Staging } from './staging.js';
import { Trial } from './trial.js';

type Phase =
  | Readonly<{ is: 'idle' }>
  | Readonly<{ is: 'announced' | 'downloading' | 'ready' | 'installing'; offer: Offer }>
  | Readonly<{ is: 'switching'; version: string }>
  | Readonly<{ is: 'trial'; trial: Trial }>;

export class UpdateMachine {
  private phase: Phase = { is: 'idle' };
  private memory: Memory;
  private newest: SignedManifest | undefined;
  private progress = 0; // bytes
  private reason: string | null = null;
  private ordered = false; // the owner said: apply
  private readonly schedule: Schedule;
  private readonly staging = new Staging();
  private refusal = ''; // the last, which is said once

  constructor(
    private readonly found: Found,
    private settings: Settings,
    random: () => number, // from 0 to 1
    at: Moment,
  ) {
    this.memory = found.memory;
    this.newest = found.newest;
    this.schedule = new Schedule(random, at.now);
  }

  /** Once, before anything else. */
  begin(at: Moment): Effect[] {
    const out: Effect[] = [];
    const { start, installed } = this.found;
    if (start.is === 'trial') {
      this.phase = { is: 'trial', trial: new Trial(start.seconds, start.needs, at.now) };
      this.say('on-trial', `${installed.version} is on trial for ${start.seconds} s`, out);
      return out;
    }
    if (start.is === 'returned') this.returned(start, out);
    out.push({ do: 'settle' });
    this.consider(out);
    return out;
  }

  reconfigured(settings: Settings, at: Moment): Effect[] {
    const out: Effect[] = [];
    if (settings.channel !== this.settings.channel) this.schedule.lookSoon(at.now);
    if (settings.after !== this.settings.after) this.staging.forget();
    this.settings = settings;
    this.consider(out);
    return this.tick(at, out);
  }

  /** Announcements come from the publisher, from members and from the broker alike. */
  onManifest(manifest: SignedManifest): Effect[] {
    const out: Effect[] = [];
    const { installed } = this.found;
    const { channel } = this.settings;
    if (this.newest?.version === manifest.version && this.newest.issued >= manifest.issued)
      return out;
    const judged = judge(manifest, installed, channel, this.memory.floor, this.newest);
    if (judged.verdict === 'refuse') {
      if (judged.reason !== this.refusal)
        this.say('refused', `a release was announced and refused: ${judged.reason}`, out);
      this.refusal = judged.reason;
      return out;
    }
    this.newest = manifest;
    const floor = raisedFloor(this.memory.floor, manifest.minimum);
    this.remember({ ...this.memory, manifest: manifest.bytes, floor }, out);
    if (judged.verdict === 'take' && manifest.version !== this.memory.failed?.version)
      this.say('announced', `release ${manifest.version} is there`, out);
    if (this.phase.is === 'downloading') out.push({ do: 'stop-fetching' });
    else if (this.isFree()) {
      this.phase = { is: 'idle' };
      this.schedule.afresh();
      this.consider(out);
    }
    return out;
  }

  onLooked(at: Moment): void {
    this.schedule.looked(at.now);
  }

  onProgress(bytes: number): void {
    this.progress = bytes;
  }

  /** `failure`: why not. `final`: trying again would come to the same. */
  onFetched(failure: string | undefined, final: boolean, at: Moment): Effect[] {
    const out: Effect[] = [];
    if (this.phase.is !== 'downloading') return out;
    const { offer } = this.phase;
    if (offer.manifest !== this.newest) {
      this.phase = { is: 'idle' }; // another was announced meanwhile
      this.consider(out);
      return out;
    }
    if (failure === undefined) {
      this.phase = { is: 'ready', offer };
      this.reason = null;
      this.schedule.afresh();
      this.say('downloaded', `release ${offer.manifest.version} was fetched`, out);
      return this.tick(at, out);
    }
    this.phase = { is: 'announced', offer };
    const line = `release ${offer.manifest.version} could not be fetched: ${failure}`;
    this.failed(line, final, at, out);
    return out;
  }

  onInstalled(failure: string | undefined, at: Moment): Effect[] {
    const out: Effect[] = [];
    if (this.phase.is !== 'installing') return out;
    const { offer } = this.phase;
    const { version } = offer.manifest;
    if (failure === undefined) {
      this.phase = { is: 'switching', version };
      out.push({ do: 'switch', version, seconds: this.settings.trialSeconds });
      return out;
    }
    this.phase = { is: 'announced', offer };
    this.failed(`release ${version} could not be laid down: ${failure}`, false, at, out);
    return out;
  }

  onSwitchFailed(failure: string, at: Moment): Effect[] {
    const out: Effect[] = [];
    if (this.phase.is !== 'switching') return out;
    const { version } = this.phase;
    this.phase = { is: 'idle' };
    this.failed(`the switch to ${version} failed: ${failure}`, true, at, out);
    return out;
  }

  // While on trial

  onHealth(ill: string | undefined, at: Moment): Effect[] {
    const out: Effect[] = [];
    if (this.phase.is !== 'trial') return out;
    this.phase.trial.health(ill, at.now);
    this.judge(this.phase.trial, at, out);
    return out;
  }

  /** Somebody reached us from outside: by a session that it began, or a connection inside one. */
  onReached(by: string, at: Moment): Effect[] {
    const out: Effect[] = [];
    if (this.phase.is !== 'trial') return out;
    this.phase.trial.reached(by);
    this.judge(this.phase.trial, at, out);
    return out;
  }

  onMember(name: string, release: MemberRelease | undefined, at: Moment): Effect[] {
    const out: Effect[] = [];
    if (name !== this.settings.after) return out;
    this.staging.heard(release);
    return this.tick(at, out);
  }

  // What the owner orders; a refusal is a sentence

  check(at: Moment): Effect[] {
    this.schedule.lookSoon(at.now);
    this.staging.askSoon();
    return this.tick(at, []);
  }

  apply(at: Moment): Effect[] | Readonly<{ refused: string }> {
    const out: Effect[] = [];
    if (this.phase.is === 'trial')
      return { refused: `${this.found.installed.version} is still on trial` };
    const { memory } = this;
    const offer = this.offer();
    if (!offer) return { refused: 'there is no newer release: `kith update check` looks for one' };
    this.ordered = true;
    this.schedule.afresh();
    if (memory.failed?.version === offer.manifest.version)
      this.remember({ ...memory, failed: null }, out);
    this.consider(out);
    return this.tick(at, out);
  }

  confirm(): Effect[] | Readonly<{ refused: string }> {
    if (this.phase.is !== 'trial') return { refused: 'no release is on trial' };
    const out: Effect[] = [];
    this.keep('its owner said so', out);
    return out;
  }

  rollBack(): Effect[] | Readonly<{ refused: string }> {
    const { installed, previous } = this.found;
    const out: Effect[] = [];
    if (this.phase.is === 'trial') {
      this.giveUp('its owner said so', out);
      return out;
    }
    if (previous === undefined) return { refused: 'there is no release to go back to' };
    if (!this.isFree()) return { refused: 'an update is under way' };
    const failed = { version: installed.version, reason: 'its owner went back' };
    this.remember({ ...this.memory, failed }, out);
    this.phase = { is: 'switching', version: previous };
    out.push({ do: 'switch', version: previous, seconds: this.settings.trialSeconds });
    return out;
  }

  // Time

  tick(at: Moment, out: Effect[] = []): Effect[] {
    const { phase } = this;
    if (phase.is === 'trial') return this.tickTrial(phase.trial, at, out);
    if (this.schedule.lookDue(at.now)) out.push({ do: 'look' });
    if (this.schedule.againDue(at.now)) this.consider(out);
    if (this.phase.is === 'ready') this.tickReady(this.phase.offer, at, out);
    return out;
  }

  /** When `tick` has something to do. */
  deadline(): number {
    const waits = this.phase.is === 'ready' && this.mayApply() ? this.staging.deadline : Infinity;
    if (this.phase.is === 'trial') return this.phase.trial.deadline;
    return Math.min(this.schedule.deadline, waits);
  }

  view(now: number, wall: number): UpdateView {
    const { installed } = this.found;
    const { phase, memory } = this;
    const offer = this.offer();
    const total = phase.is === 'downloading' ? phase.offer.target.size : 0;
    const state = this.stateFor();
    const trial = phase.is === 'trial' ? phase.trial : undefined;
    const why = trial ? trial.lacks : this.reason;
    return {
      installed: installed.version,
      latest: offer?.manifest.version ?? null,
      state,
      progress: total > 0 ? Math.floor((100 * this.progress) / total) : null,
      notes: offer?.manifest.notes ?? '',
      reason: state === 'rolled-back' ? (memory.failed?.reason ?? null) : why,
      automatic: this.settings.automatic,
      trialEnds: trial ? Math.round((wall + trial.until - now) / 1_000) : null,
    };
  }

  /** For others who wait for this one. */
  release(): MemberRelease {
    return { version: this.found.installed.version, confirmed: this.phase.is !== 'trial' };
  }

  get manifest(): SignedManifest | undefined {
    return this.newest;
  }

  // Inside

  private stateFor(): State {
    const { phase, memory } = this;
    if (phase.is === 'ready') return this.mayApply() ? 'waiting' : 'ready';
    if (phase.is === 'switching') return 'installing';
    if (phase.is !== 'idle' && phase.is !== 'announced') return phase.is;
    const offer = this.offer();
    if (offer && offer.manifest.version === memory.failed?.version) return 'rolled-back';
    return offer ? 'announced' : 'idle';
  }

  /** What could be taken: newer than what runs, for this machine. */
  private offer(): Offer | undefined {
    const { newest, settings, found, memory } = this;
    if (!newest || !settings.keys.includes(newest.key)) return undefined;
    const judged = judge(newest, found.installed, settings.channel, memory.floor, newest);
    return judged.verdict === 'take' ? { manifest: newest, target: judged.target } : undefined;
  }

  private isFree(): boolean {
    return ['idle', 'announced', 'downloading', 'ready'].includes(this.phase.is);
  }

  private mayApply(): boolean {
    return this.ordered || this.settings.automatic === 'apply';
  }

  /** From what is known to the next step that may be taken. */
  private consider(out: Effect[]): void {
    if (this.phase.is !== 'idle' && this.phase.is !== 'announced') return;
    const offer = this.offer();
    if (!offer) {
      this.phase = { is: 'idle' };
      return;
    }
    this.phase = { is: 'announced', offer };
    if (offer.manifest.version === this.memory.failed?.version) return;
    if (this.settings.automatic === 'off' && !this.ordered) return;
    if (this.schedule.waitsToTry) return;
    this.phase = { is: 'downloading', offer };
    this.progress = 0;
    this.reason = null;
    out.push({ do: 'fetch', ...offer });
  }

  private tickReady(offer: Offer, at: Moment, out: Effect[]): void {
    if (!this.mayApply()) return;
    const { staging, settings } = this;
    const { version } = offer.manifest;
    const wait = this.ordered ? undefined : staging.waitsFor(version, settings, at);
    if (staging.askDue(at.now) && settings.after !== null && wait !== undefined)
      out.push({ do: 'ask', member: settings.after });
    this.reason = wait ?? null;
    if (wait !== undefined) return;
    this.ordered = false;
    this.phase = { is: 'installing', offer };
    out.push({ do: 'install', version, target: offer.target });
  }

  private tickTrial(trial: Trial, at: Moment, out: Effect[]): Effect[] {
    if (trial.due(at.now)) {
      out.push({ do: 'examine' });
      if (!trial.isReached) out.push({ do: 'knock' });
    }
    this.judge(trial, at, out);
    return out;
  }

  private judge(trial: Trial, at: Moment, out: Effect[]): void {
    const verdict = trial.verdict(at.now);
    if (verdict === undefined) return;
    if (verdict.passed) this.keep(verdict.why, out);
    else this.giveUp(verdict.why, out);
  }

  private keep(why: string, out: Effect[]): void {
    const { version } = this.found.installed;
    this.phase = { is: 'idle' };
    this.reason = null;
    out.push({ do: 'keep' });
    if (this.memory.failed?.version === version)
      this.remember({ ...this.memory, failed: null }, out);
    this.say('confirmed', `${version} is confirmed: ${why}`, out);
    this.consider(out);
  }

  private giveUp(why: string, out: Effect[]): void {
    const { version } = this.found.installed;
    this.phase = { is: 'switching', version };
    this.remember({ ...this.memory, failed: { version, reason: why } }, out);
    this.say('rolled-back', `${version} is given up: ${why}`, out);
    out.push({ do: 'give-up' });
  }

  private returned({ version, reason, tried }: Returned, out: Effect[]): void {
    if (!tried) {
      this.say('failed', `${version} does not run yet: ${reason}`, out);
      return;
    }
    const told = this.memory.failed?.version === version ? this.memory.failed.reason : reason;
    this.remember({ ...this.memory, failed: { version, reason: told } }, out);
    const { installed } = this.found;
    this.say('rolled-back', `${version} was taken back, ${installed.version} runs: ${told}`, out);
  }

  private failed(line: string, final: boolean, at: Moment, out: Effect[]): void {
    this.reason = line;
    this.schedule.failed(final, at.now);
    this.ordered = this.ordered && !final;
    this.say('failed', line, out);
  }

  private remember(memory: Memory, out: Effect[]): void {
    this.memory = memory;
    out.push({ do: 'remember', memory });
  }

  private say(event: UpdateEvent, line: string, out: Effect[]): void {
    out.push({ do: 'say', event, line });
  }
}
