// What the machine of updates orders and what takes its time: asking, fetching, laying down.

import { ArchiveDamaged, checkedArchive } from './archive.js';
import { download } from './download.js';
import type { MemberRelease } from './effects.js';
import { FetchFailure, fetchSmall } from './http.js';
import { MANIFEST_BYTES_MAX, type Target } from './manifest.js';
import { lackingSpace } from './policy.js';
import { SlotFailure } from './slots.js';
import {
  ASKED_MAX,
  type Neighbour,
  type Neighbours,
  publisherManifest,
  publisherSource,
} from './sources.js';
import type { Surroundings } from './surroundings.js';

const KNOCKED_MAX = 3; // members that are asked to reach us, or for news

export class Works {
  constructor(
    private readonly around: Surroundings,
    private readonly neighbours: Neighbours,
    private readonly ended: AbortSignal,
  ) {}

  /** Announcements from the publisher and from members; none is checked yet. Never rejects. */
  async look(): Promise<Uint8Array[]> {
    const { settings, log } = this.around;
    const { url, channel } = settings();
    const signal = this.ended;
    const found = await this.neighbours.manifests(this.some(KNOCKED_MAX), signal);
    if (url === null) return found;
    try {
      found.push(await fetchSmall(publisherManifest(url, channel), MANIFEST_BYTES_MAX, { signal }));
    } catch (error) {
      if (!signal.aborted) log(`no announcement: ${messageOf(error)}`);
    }
    return found;
  }

  /** Rejects with a message for people. */
  async fetch(
    version: string,
    target: Target,
    signal: AbortSignal,
    onProgress: (bytes: number) => void,
  ): Promise<void> {
    const { archives, slots, settings, log } = this.around;
    const lacking = lackingSpace(target, archives.held(target), slots.room());
    if (lacking > 0) throw new FetchFailure(`${mebibytes(lacking)} more space is needed`);
    const { url } = settings();
    const theirs = await this.neighbours.sources(this.some(ASKED_MAX), target, signal);
    const own = url === null ? [] : [publisherSource(url, version, target)];
    const sources = [...own, ...theirs];
    await download({ folder: archives, target, sources, signal, onProgress, log });
  }

  /** Rejects with a message for people; what is damaged is fetched anew next time. */
  async install(version: string, target: Target): Promise<void> {
    const { archives, slots } = this.around;
    try {
      const chunks = archives.chunks(target);
      if (!chunks) throw new ArchiveDamaged('the archive is gone');
      const pieces = checkedArchive(archives.whole(target), target, chunks);
      await slots.install(version, pieces, target.unpacked);
    } catch (error) {
      if (error instanceof ArchiveDamaged || error instanceof SlotFailure) archives.clear();
      throw error;
    }
  }

  async knock(): Promise<void> {
    const asked = this.some(KNOCKED_MAX);
    await Promise.all(asked.map((one) => this.neighbours.knock(one, this.ended)));
  }

  async ask(member: string): Promise<MemberRelease | undefined> {
    const one = this.around.neighbours().find(({ name }) => name === member);
    return one && (await this.neighbours.release(one, this.ended));
  }

  private some(count: number): readonly Neighbour[] {
    return this.around.neighbours().slice(0, count);
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1_048_576)} MiB`;
}
