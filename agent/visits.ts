// Visits to the doors of members that may not have heard of this node yet: its chain is shown, out
// of sockets of their own, and what it is welcomed with is handed on.

import { randomBytes } from 'node:crypto';
import type { Endpoint } from './bytes/address.js';
import { standAtDoor } from './control/door.js';
import type { Signer } from './crypto/ed25519.js';
import type { NodeId } from './identity/member.js';
import { idBytes, idOf } from './identity/nodeid.js';
import type { Roster } from './identity/roster.js';
import { signShow } from './identity/show.js';

const AT_ONCE_MAX = 4; // two sockets each; one that finds no room comes again
const PATIENCE_MS = 3_000; // it was silent before: who is there answers within a second

export type VisitsOptions = Readonly<{
  roster: Roster;
  signer: Signer;
  onWelcome: (statements: readonly Uint8Array[]) => void;
  note: (node: NodeId, text: string) => void;
}>;

export class Visits {
  private readonly ending = new AbortController();
  private readonly underWay = new Set<Promise<void>>();

  constructor(private readonly options: VisitsOptions) {}

  begin(node: NodeId, endpoints: readonly Endpoint[]): void {
    const { note } = this.options;
    if (this.ending.signal.aborted || this.underWay.size >= AT_ONCE_MAX) return;
    const visit = this.visit(node, endpoints)
      .catch((error: unknown) => note(node, String(error)))
      .finally(() => this.underWay.delete(visit));
    this.underWay.add(visit);
  }

  /** Resolves when none is under way any more: none signs after that. */
  async stop(): Promise<void> {
    this.ending.abort();
    await Promise.all(this.underWay);
  }

  private async visit(node: NodeId, endpoints: readonly Endpoint[]): Promise<void> {
    const { roster, signer, onWelcome, note } = this.options;
    const self = idOf(signer.key);
    const nodeKey = idBytes(node);
    const options = {
      meshKey: roster.meshKey,
      doors: endpoints.map((endpoint) => ({ nodeKey, endpoint })),
      node: self,
      statements: roster.chainOf(self),
      sign: (hash: Uint8Array) => signShow(signer, hash),
      random: (bytes: number) => new Uint8Array(randomBytes(bytes)),
      giveUpMs: PATIENCE_MS,
    };
    const outcome = await standAtDoor(options, this.ending.signal);
    if (this.ending.signal.aborted) return;
    if (outcome.kind === 'welcome') onWelcome(outcome.frame.statements);
    if (outcome.kind === 'unwelcome') note(node, `does not let us in: ${outcome.reason}`);
    else note(node, `our chain was shown at its door: ${outcome.kind}`);
  }
}
