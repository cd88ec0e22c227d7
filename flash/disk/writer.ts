// An image onto a medium, so that whatever happens, what is half-done boots nothing:
//
//     compare ─▶ clear the first block ─▶ write the others ─▶ read them back ─▶ the first block
//
// Blocks from the start that are there already are not written again, so the same command after an
// interruption goes on where it stopped; what counts is what was read back.

import { createHash } from 'node:crypto';
import { Failure, systemCode } from '../../agent/commands/failure.js';
import { formatBytes } from '../../agent/commands/table.js';
import { aligned, type Medium, mediumReason } from './medium.js';

export const BLOCK = 1024 * 1024; // bytes; the first one holds the partition table and boot code
const SYNC_BLOCKS = 16; // a slow card takes a second or two for so many

export type Phase = 'compare' | 'write' | 'verify';

export type WriterOptions = Readonly<{
  image: AsyncIterable<Uint8Array>;
  medium: Medium;
  stop: AbortSignal;
  /** `bytes` of the image are done in this phase; of how many, only when verifying. */
  onProgress(phase: Phase, bytes: number, total?: number): void;
  /** Throws Failure where the image, read to its end, is not what it should be. */
  check(sha256: string): void;
  verify: boolean;
}>;

export type Written = Readonly<{
  bytes: number; // of the image
  kept: number; // of them, that were there already
  sha256: string;
}>;

/** Thrown at Ctrl-C. */
export class Stopped extends Failure {}

/** Throws Failure, and then the first block is not there, or (`untouched`) nothing was changed. */
export class Writer {
  /** True until the first byte of the medium changes. */
  untouched = true;
  private readonly hash = createHash('sha256');
  private readonly digests: Buffer[] = []; // of each block, for reading back
  private readonly first = aligned(BLOCK);
  private readonly block = aligned(BLOCK);
  private readonly seen = aligned(BLOCK);
  private firstLength = 0;
  private bytes = 0;
  private kept = 0;
  private comparing = true;

  constructor(private readonly options: WriterOptions) {}

  async run(): Promise<Written> {
    const { medium, check, onProgress } = this.options;
    for await (const length of this.blocks()) await this.take(length);
    if (this.bytes === 0) throw new Failure('the image is empty');
    const sha256 = this.hash.digest('hex');
    check(sha256);
    if (this.digests.length === 1) await this.clearFirst();
    await this.doing('flush', () => medium.sync());
    if (this.options.verify)
      for (let i = 1; i < this.digests.length; i++) {
        this.mayGoOn();
        await this.readBack(i);
        onProgress('verify', Math.min((i + 1) * BLOCK, this.bytes), this.bytes);
      }
    this.mayGoOn();
    await this.writeFirst();
    return { bytes: this.bytes, kept: this.kept, sha256 };
  }

  /** Fills `first`, then `block` again and again; gives the length, in whole sectors. */
  private async *blocks(): AsyncGenerator<number> {
    let into = this.first;
    let length = 0;
    for await (const piece of this.options.image) {
      this.mayGoOn();
      for (let at = 0; at < piece.length; ) {
        const part = piece.subarray(at, at + BLOCK - length);
        into.set(part, length);
        length += part.length;
        at += part.length;
        if (length < BLOCK) continue;
        yield this.hashed(into, length);
        into = this.block;
        length = 0;
      }
    }
    if (length > 0) yield this.hashed(into, length);
  }

  private hashed(block: Uint8Array, length: number): number {
    const { sector, size, path } = this.options.medium;
    this.hash.update(block.subarray(0, length));
    const whole = Math.ceil(length / sector) * sector;
    block.fill(0, length, whole);
    this.digests.push(createHash('sha256').update(block.subarray(0, whole)).digest());
    this.bytes += length;
    if (this.bytes > size)
      throw new Failure(
        `${path} is too small: it has ${formatBytes(size)}, and the image is larger than that`,
      );
    return whole;
  }

  private async take(length: number): Promise<void> {
    const { onProgress } = this.options;
    const index = this.digests.length - 1;
    if (index === 0) {
      this.firstLength = length;
      return;
    }
    if (index === 1) await this.clearFirst();
    const block = this.block.subarray(0, length);
    if (this.comparing && (await this.isThere(block, index))) {
      this.kept += length;
      return onProgress('compare', this.bytes);
    }
    this.comparing = false;
    await this.writeAll(block, index * BLOCK);
    if (index % SYNC_BLOCKS === 0) await this.doing('flush', () => this.options.medium.sync());
    onProgress('write', this.bytes);
  }

  /** A block that cannot be read may still be written: some cards heal by that. */
  private async isThere(block: Uint8Array, index: number): Promise<boolean> {
    try {
      const seen = this.seen.subarray(0, block.length);
      const count = await this.options.medium.read(seen, index * BLOCK);
      return count === block.length && Buffer.compare(seen, block) === 0;
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      return false;
    }
  }

  private async clearFirst(): Promise<void> {
    this.untouched = false;
    await this.writeAll(this.seen.subarray(0, this.firstLength).fill(0), 0);
    await this.doing('flush', () => this.options.medium.sync());
  }

  private async writeFirst(): Promise<void> {
    const { medium, verify } = this.options;
    await this.writeAll(this.first.subarray(0, this.firstLength), 0);
    await this.doing('flush', () => medium.sync());
    if (!verify) return;
    try {
      await this.readBack(0);
    } catch (error) {
      // It may boot, or not: better that it does not.
      await this.clearFirst().catch(() => {});
      throw error;
    }
  }

  private async writeAll(bytes: Uint8Array, at: number): Promise<void> {
    const { medium } = this.options;
    for (let done = 0; done < bytes.length; ) {
      const count = await this.doing('write', () => medium.write(bytes.subarray(done), at + done));
      if (count === 0)
        throw new Failure(`${medium.path}: it takes nothing at ${formatBytes(at + done)}`);
      done += count;
    }
  }

  private async readBack(index: number): Promise<void> {
    const { medium } = this.options;
    const whole = Math.ceil(this.bytes / medium.sector) * medium.sector;
    const seen = this.seen.subarray(0, Math.min(BLOCK, whole - index * BLOCK));
    const count = await this.doing('read back', () => medium.read(seen, index * BLOCK));
    const digest = createHash('sha256').update(seen).digest();
    if (count === seen.length && digest.equals(this.digests[index] ?? Buffer.alloc(0))) return;
    throw new Failure(
      `${medium.path} does not give back what was written, ${formatBytes(index * BLOCK)} from ` +
        'its start: a worn out or counterfeit card. Take another one',
    );
  }

  private async doing<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const done = formatBytes(this.bytes);
      const { path } = this.options.medium;
      throw new Failure(`cannot ${what} ${path} (at about ${done}): ${mediumReason(error)}`);
    }
  }

  private mayGoOn(): void {
    if (this.options.stop.aborted) throw new Stopped('stopped');
  }
}
