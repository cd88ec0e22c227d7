// What a release that lies here still waits for before it is applied by itself: another member that
// runs it well, and the time of day.

import type { MemberRelease, Moment, Settings } from './effects.js';
import { inWindow } from './policy.js';
import { compareVersions } from './version.js';

const ASK_MS = 60_000; // how often it is looked at, and the member asked

export class Staging {
  private askAt = 0;
  private sister: MemberRelease | undefined;

  /** What the member that is waited for says of itself; undefined: it does not answer. */
  heard(release: MemberRelease | undefined): void {
    this.sister = release;
  }

  /** Another member is waited for from now on. */
  forget(): void {
    this.sister = undefined;
    this.askAt = 0;
  }

  askSoon(): void {
    this.askAt = 0;
  }

  get deadline(): number {
    return this.askAt;
  }

  /** True once a minute. */
  askDue(now: number): boolean {
    if (now < this.askAt) return false;
    this.askAt = now + ASK_MS;
    return true;
  }

  /** A sentence for people; undefined: nothing is in the way. */
  waitsFor(version: string, { after, window }: Settings, { minute }: Moment): string | undefined {
    if (after !== null && !this.isWell(version)) return `waits until ${after} runs ${version} well`;
    return inWindow(window, minute) ? undefined : `waits for ${window}`;
  }

  private isWell(version: string): boolean {
    const { sister } = this;
    return sister?.confirmed === true && compareVersions(sister.version, version) >= 0;
  }
}
