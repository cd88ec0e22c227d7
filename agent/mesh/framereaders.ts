// A frame reader for each member that speaks, and what they dropped, by reason.

import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { Frame } from './frame.js';
import { type FrameDrop, FrameReader } from './frames.js';

export class FrameReaders {
  readonly drops = new Map<FrameDrop, number>();
  private readonly readers = new Map<NodeId, FrameReader>();

  read(node: NodeId, bytes: Uint8Array, now: Millis): Frame | undefined {
    let reader = this.readers.get(node);
    if (reader === undefined) {
      reader = this.make();
      this.readers.set(node, reader); // bounded by the sessions there are: see `forget`
    }
    return reader.read(bytes, now);
  }

  /** A reader for somebody who is no member yet. */
  make(): FrameReader {
    return new FrameReader((reason) => this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1));
  }

  forget(node: NodeId): void {
    this.readers.delete(node);
  }
}
