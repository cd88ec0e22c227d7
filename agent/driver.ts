// Runs the WireGuard machine on the real clock: events of the data plane go in, effects go out as
// orders, and one timer stands at the nearest deadline.

import type { PlaneEvent } from './dataplane/orders.js';
import type { Plane } from './dataplane/plane.js';
import { Load } from './load.js';
import type { Device } from './wireguard/device.js';
import type { Effect, PeerId } from './wireguard/effects.js';

const TIMER_MAX_MS = 2 ** 31 - 1; // what setTimeout can take

/** What the driver needs of a Plane. */
export type DriverPlane = Pick<Plane, 'now' | 'order' | 'handshakesWaiting'> &
  Readonly<{ routes: Pick<Plane['routes'], 'removePeer'> }>;

/** What lies above the tunnel: the mesh, where there is one. */
export interface Overlay {
  /** A user packet waits for this peer. */
  onWant(peer: PeerId): void;
  onActive(peer: PeerId): void;
  /** An effect of the device has been performed, and all that came with it. */
  onEffect(effect: Effect): void;
  onEvent(event: PlaneEvent): void;
  /** It has no row any more, which may be another's at once; nothing is to be done about it yet. */
  onGone(peer: PeerId): void;
  /** Its row is the overlay's: no configuration touches it. */
  isMember(peer: PeerId): boolean;
}

export type DriverOptions = Readonly<{
  device: Device;
  plane: DriverPlane;
  /** Writes the TAI64N ceiling where a reboot finds it (design: "Without a clock"). */
  saveCeiling: (seconds: number) => void;
  /** Events that are neither the machine's nor the overlay's: alarm, gone. */
  onOther: (event: PlaneEvent) => void;
}>;

export class Driver {
  private readonly load = new Load();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  /** Performed, and the overlay is to hear of them in this order. */
  private readonly heard: Effect[] = [];
  private telling = false;
  /** Set by Tunnel.attach. */
  overlay: Overlay | undefined;

  constructor(private readonly options: DriverOptions) {}

  perform(effects: readonly Effect[]): void {
    const { plane, saveCeiling } = this.options;
    for (const effect of effects) {
      if (effect.kind === 'ceiling') {
        saveCeiling(effect.seconds);
      } else {
        if (effect.kind === 'peer-gone') plane.routes.removePeer(effect.peer);
        plane.order(effect);
        if (effect.kind === 'peer-gone') this.overlay?.onGone(effect.peer);
      }
    }
    this.heard.push(...effects);
    this.tell();
    this.arm();
  }

  /** What the overlay does about it comes here again: the workers have all that was before. */
  private tell(): void {
    if (this.telling) return;
    this.telling = true;
    try {
      for (let next = this.heard.shift(); next; next = this.heard.shift())
        this.overlay?.onEffect(next);
    } finally {
      this.telling = false;
    }
  }

  onEvent(event: PlaneEvent): void {
    if (this.stopped) return;
    if (event.kind === 'handshake') this.onHandshake(event);
    else this.perform(this.react(event));
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private react(event: Exclude<PlaneEvent, { kind: 'handshake' }>): readonly Effect[] {
    const { device, plane, onOther } = this.options;
    const now = plane.now();
    const wall = Date.now();
    switch (event.kind) {
      case 'want':
        // To a member the overlay finds a way; the device's own timers run beside.
        this.overlay?.onWant(event.peer);
        return device.onWant(event.peer, now, wall);
      case 'active':
        this.overlay?.onActive(event.peer);
        return device.onActive(event.peer, now, wall);
      case 'frame':
      case 'seen':
      case 'channel-unknown':
        this.overlay?.onEvent(event);
        return [];
      case 'stale':
        return device.onStale(event.session, now, wall);
      case 'confirmed':
        return device.onConfirmed(event.session, now, wall);
      case 'roamed':
        device.onRoamed(event.peer, event.place);
        return [];
      default:
        onOther(event);
        return [];
    }
  }

  private onHandshake(event: Extract<PlaneEvent, { kind: 'handshake' }>): void {
    const { device, plane } = this.options;
    const start = plane.now();
    this.perform(device.onHandshake(event, this.load.isHigh(start), start, Date.now()));
    const end = plane.now();
    this.load.note(end, end - start, plane.handshakesWaiting());
  }

  private arm(): void {
    clearTimeout(this.timer);
    if (this.stopped) return;
    const { device, plane } = this.options;
    const next = device.deadline();
    if (next === undefined) return;
    // Rounded up: a timer that fires early finds nothing to do and would be set again at once.
    const delay = Math.min(TIMER_MAX_MS, Math.max(0, Math.ceil(next - plane.now())));
    this.timer = setTimeout(() => this.tick(), delay);
  }

  private tick(): void {
    this.perform(this.options.device.tick(this.options.plane.now(), Date.now()));
  }
}
