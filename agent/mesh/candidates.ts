// Where we may be reached: our own addresses, a port that the router in front forwards, and the
// endpoints at which others see us. Signed as a record whenever that changes, at most each second.

import { type Address, type Endpoint, family, formatEndpoint } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { MeshEffect, Times } from './effects.js';
import type { Candidate, Ground, NatKind } from './ground.js';
import type { Whereabouts } from './machines.js';
import { classify, type Sample } from './nat.js';
import { isPrivate } from './route.js';
import { CANDIDATES_MAX } from './routes.js';

const COALESCE_MS = 1_000; // several addresses change together when a link comes up
/** Somebody whose NAT forgets all the time must not keep his whole mesh busy. */
const GAP_MAX_MS = 64_000;
const CALM_MS = 60_000; // after so long without a change the next is told at once
const OBSERVERS_MAX = 8; // per address family; three trackers and a few peers
const OBSERVED_GAP_MS = 3_000; // one that tells another endpoint each time is heard no oftener
const LOCALS_MAX = 8; // a router with many bridges keeps room for what others see
const MAPPED_MAX = 6; // a hard NAT has one for each observer; they age anyway
const NEVER = Number.NEGATIVE_INFINITY;
const SAMPLE_MS = 1_800_000; // a NAT's mapping for a tracker lives as long as it is kept alive

/** `changedAt`: when this observer last told another endpoint than before. */
type Seen = Sample & Readonly<{ changedAt: Millis }>;

export type WhereaboutsOptions = Readonly<{
  /** Endpoints that the owner says are forwarded to us. */
  configured?: readonly Endpoint[];
  /** No UDP gets out, as far as is known. */
  blocked?: () => boolean;
}>;

export class OwnWhereabouts implements Whereabouts {
  private locals: readonly Endpoint[] = [];
  private own = new Set<string>(); // the same as text
  private mapping: Endpoint | null = null;
  private samples: Seen[] = []; // oldest first
  private stale = new Set<Seen>(); // from before our addresses changed
  private seq = 0;
  private sealed: Uint8Array | undefined;
  private shown = ''; // what the last published record said
  private publishedAt: Millis = Number.NEGATIVE_INFINITY;
  private publishAt: Millis | undefined;
  private gapMs = COALESCE_MS;
  private verdict: NatKind | undefined; // of the samples; asked for at every turn of every path

  constructor(
    private readonly ground: Ground,
    private readonly options: WhereaboutsOptions = {},
  ) {}

  onLocal(addresses: readonly Address[], port: number, at: Times, out: MeshEffect[]): void {
    const fit = addresses.filter((address) => this.isFit({ address, port }));
    const locals = [...new Set(fit)].map((address) => ({ address, port })).sort(byWorth);
    const own = new Set(locals.map(formatEndpoint));
    const same = own.size === this.own.size && [...own].every((text) => this.own.has(text));
    if (same) return;
    // Another address of ours, perhaps another way out: what was seen before may be no more.
    if (this.own.size > 0) this.stale = new Set(this.samples);
    this.locals = locals;
    this.own = own;
    this.verdict = undefined;
    this.gapMs = COALESCE_MS; // we have moved: told at once
    this.changed(at, out);
  }

  onPortMapping(endpoint: Endpoint | null, at: Times, out: MeshEffect[]): void {
    const usable = endpoint !== null && this.isFit(endpoint) ? endpoint : null;
    this.mapping = usable;
    this.changed(at, out);
  }

  onObserved(by: NodeId, endpoint: Endpoint, at: Times, out: MeshEffect[]): void {
    if (!this.isFit(endpoint)) return;
    const kin = (sample: Seen) =>
      family(sample.endpoint.address) === family(endpoint.address) && sample.by === by;
    const known = this.samples.find(kin);
    const same = known !== undefined && formatEndpoint(known.endpoint) === formatEndpoint(endpoint);
    if (!same && known !== undefined && at.now - known.changedAt < OBSERVED_GAP_MS) return;
    const changedAt = same ? known.changedAt : known === undefined ? NEVER : at.now;
    // The first word from outside after a change: older ones are of the past.
    const fresh = this.samples.filter(
      (sample) => sample !== known && !this.isPast(sample, endpoint, at),
    );
    fresh.push({ by, endpoint, at: at.now, changedAt });
    this.samples = fresh.slice(-2 * OBSERVERS_MAX);
    this.verdict = undefined;
    this.changed(at, out);
  }

  get nat(): NatKind {
    if (this.options.blocked?.()) return 'blocked';
    this.verdict ??= classify(this.samples, this.own);
    return this.verdict;
  }

  /** Best first, at most 16: what a record says. */
  get candidates(): readonly Candidate[] {
    const list: Candidate[] = [];
    const known = new Set<string>();
    const add = (kind: Candidate['kind'], endpoint: Endpoint) => {
      const text = formatEndpoint(endpoint);
      if (known.has(text) || list.length >= CANDIDATES_MAX) return;
      known.add(text);
      list.push({ kind, endpoint });
    };
    for (const endpoint of this.options.configured ?? []) add('configured', endpoint);
    if (this.mapping !== null) add('portmap', this.mapping);
    for (const endpoint of this.locals.slice(0, LOCALS_MAX)) add('local', endpoint);
    for (const { endpoint } of [...this.samples].reverse().slice(0, MAPPED_MAX)) {
      if (!this.own.has(formatEndpoint(endpoint))) add('mapped', endpoint);
    }
    return list;
  }

  record(at: Times): Uint8Array {
    if (this.sealed === undefined) {
      // Grows across restarts too, where the clock is not set back.
      this.seq = Math.max(this.seq + 1, Math.floor(at.wall));
      const { seq, nat, candidates } = this;
      this.sealed = this.ground.records.signCandidates({ seq, nat, candidates });
    }
    return this.sealed;
  }

  tick(at: Times, out: MeshEffect[]): void {
    if (this.publishAt === undefined || at.now < this.publishAt) return;
    this.publishAt = undefined;
    const text = this.text();
    if (text === this.shown) return; // it went there and back
    this.shown = text;
    const quiet = at.now - this.publishedAt >= CALM_MS;
    this.gapMs = quiet ? COALESCE_MS : Math.min(2 * this.gapMs, GAP_MAX_MS);
    this.publishedAt = at.now;
    this.sealed = undefined;
    out.push({ kind: 'publish', record: this.record(at) });
  }

  deadline(): Millis | undefined {
    return this.publishAt;
  }

  private changed(at: Times, out: MeshEffect[]): void {
    if (this.text() === this.shown) return;
    this.publishAt ??= Math.max(at.now, this.publishedAt + this.gapMs);
    this.tick(at, out);
  }

  private text(): string {
    const { nat } = this;
    const places = this.candidates.map(({ kind, endpoint }) => {
      // A hard NAT has another port for everybody: nobody is helped by the newest.
      const isPortless = nat === 'hard' && kind === 'mapped';
      return `${kind} ${isPortless ? endpoint.address : formatEndpoint(endpoint)}`;
    });
    return `${nat} ${[...new Set(places)].sort().join()}`;
  }

  private isPast(sample: Seen, news: Endpoint, at: Times): boolean {
    if (at.now - sample.at >= SAMPLE_MS) return true;
    const sameFamily = family(sample.endpoint.address) === family(news.address);
    return sameFamily && this.stale.has(sample);
  }

  private isFit({ address, port }: Endpoint): boolean {
    return port > 0 && port < 65_536 && !this.ground.isForbidden(address) && !isLinkLocal(address);
  }
}

/** Of use to neighbours only, who find us there by other means; the scope is our own. */
function isLinkLocal(address: Address): boolean {
  return address.includes('%') || /^(fe[89ab].:|169\.254\.)/.test(address);
}

/** Public before private, IPv6 before IPv4: fewer NATs on the way. */
function byWorth(a: Endpoint, b: Endpoint): number {
  const rank = ({ address }: Endpoint) =>
    2 * Number(isPrivate(address)) + Number(family(address) === 4);
  return rank(a) - rank(b);
}
