// The roster as gossip sees it: statements by id, and which go before others.

import type { IdSet } from '../identity/idset.js';
import type { NodeId, StatementId } from '../identity/member.js';
import type { Roster } from '../identity/roster.js';
import type { Statement } from '../identity/statements.js';
import { FRAME_BYTES_MAX } from './chunks.js';
import type { MeshEffect, Times } from './effects.js';

export interface Library {
  readonly ids: IdSet;
  get(id: StatementId): Uint8Array | undefined;
  /** Lower goes first: what others build on. */
  rank(id: StatementId): number;
  /** A revocation, or what it needs: pushed before all else, also in the middle of catching up. */
  isUrgent(statement: Uint8Array): boolean;
}

/** Verifies, merges and applies; gives back what was new here, and nothing that is not proven. */
export type Take = (
  statements: readonly Uint8Array[],
  from: NodeId,
  at: Times,
  out: MeshEffect[],
) => readonly Uint8Array[];

const RANKS: Readonly<Record<Statement['kind'], number>> = {
  admin: 0,
  revocation: 1,
  policy: 2,
  cut: 2,
  epoch: 2,
  certificate: 3,
  voucher: 4,
  enrolment: 5,
  profile: 6,
};
const URGENT = RANKS.revocation;

export function libraryOf(roster: Roster): Library {
  const rank = (statement: Statement | undefined) => (statement ? RANKS[statement.kind] : 9);
  return {
    get ids() {
      return roster.ids;
    },
    get: (id) => roster.get(id),
    rank: (id) => rank(roster.statement(id)),
    isUrgent: (statement) => rank(roster.interner.parse(statement)) <= URGENT,
  };
}

const FRAME_ROOM = FRAME_BYTES_MAX - 12; // map, kind, key, and the head of the list
const HEAD_BYTES = 3; // of a statement below 64 KiB

/** In the same order, so many together as fit in one frame; a longer one goes alone, in chunks. */
export function batches(statements: readonly Uint8Array[]): Uint8Array[][] {
  const all: Uint8Array[][] = [];
  let room = 0;
  for (const statement of statements) {
    const bytes = statement.length + HEAD_BYTES;
    const last = all.at(-1);
    if (last !== undefined && bytes <= room) last.push(statement);
    else all.push([statement]);
    room = (last !== undefined && bytes <= room ? room : FRAME_ROOM) - bytes;
  }
  return all;
}
