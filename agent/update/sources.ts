// Where announcements and archives are had from: the publisher's server, and members of the mesh.

import type { Source } from './download.js';
import type { MemberRelease } from './effects.js';
import { FetchFailure, fetchSmall } from './http.js';
import { archiveName, hashName, MANIFEST_BYTES_MAX, type Target } from './manifest.js';
import { SERVICE_PORT } from './server.js';
import { isVersion } from './version.js';

/** A member that may be asked: its name and its overlay address, IPv6. */
export type Neighbour = Readonly<{ name: string; address: string }>;

export const ASKED_MAX = 8; // members per question; the next look asks others
const ANSWER_BYTES_MAX = 4_096;
const ANSWER_MS = 8_000; // the path to it may have to be found first

export function publisherManifest(url: string, channel: string): string {
  return `${url.replace(/\/$/, '')}/${channel}.manifest`;
}

export function publisherSource(url: string, version: string, target: Target): Source {
  const archive = `${url.replace(/\/$/, '')}/${archiveName(version, target.target)}`;
  return { name: new URL(url).host, archive, chunks: `${archive}.chunks` };
}

export class Neighbours {
  constructor(
    private readonly port: number = SERVICE_PORT,
    private readonly answerMs: number = ANSWER_MS,
  ) {}

  /** What one says of itself; undefined where it does not answer. */
  async release(
    { address }: Neighbour,
    signal: AbortSignal,
  ): Promise<(MemberRelease & Readonly<{ archives: readonly string[] }>) | undefined> {
    const text = await this.ask(address, 'release', ANSWER_BYTES_MAX, signal);
    try {
      const answer: unknown = JSON.parse(Buffer.from(text ?? []).toString());
      const { version, confirmed, archives } = Object(answer) as Record<string, unknown>;
      if (typeof version !== 'string' || !isVersion(version)) return undefined;
      const names = Array.isArray(archives) ? archives.map(String) : [];
      return { version, confirmed: confirmed === true, archives: names };
    } catch {
      return undefined;
    }
  }

  /** The announcements that some of them know; none is checked yet. */
  async manifests(some: readonly Neighbour[], signal: AbortSignal): Promise<Uint8Array[]> {
    const asked = some.map(({ address }) =>
      this.ask(address, 'manifest', MANIFEST_BYTES_MAX, signal),
    );
    const found = await Promise.all(asked);
    return found.filter((one) => one !== undefined).filter((one) => one.length > 0);
  }

  /** Those that have this archive. */
  async sources(
    some: readonly Neighbour[],
    target: Target,
    signal: AbortSignal,
  ): Promise<Source[]> {
    const hash = hashName(target);
    const asked = some.map(async (one): Promise<Source[]> => {
      const release = await this.release(one, signal);
      if (!release?.archives.includes(hash)) return [];
      const base = this.base(one.address);
      const [archive, chunks] = [`${base}/archive/${hash}`, `${base}/chunks/${hash}`];
      return [{ name: one.name, archive, chunks }];
    });
    return (await Promise.all(asked)).flat();
  }

  /** Asks it to connect to us; whether it does is seen at our own service. */
  async knock({ address }: Neighbour, signal: AbortSignal): Promise<void> {
    await this.ask(address, 'reach', ANSWER_BYTES_MAX, signal);
  }

  /** The connection that another has asked for. */
  async reach(address: string, signal: AbortSignal): Promise<void> {
    await this.ask(address, 'reached', ANSWER_BYTES_MAX, signal);
  }

  private async ask(
    address: string,
    what: string,
    bytesMax: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const both = AbortSignal.any([signal, AbortSignal.timeout(this.answerMs)]);
    try {
      return await fetchSmall(`${this.base(address)}/${what}`, bytesMax, { signal: both });
    } catch (error) {
      if (error instanceof FetchFailure) return undefined;
      throw error;
    }
  }

  private base(address: string): string {
    return `http://[${address}]:${this.port}`;
  }
}
