// Control frames as the machines see them: what members say to each other inside their sessions.
// frames.ts turns them into deterministic CBOR and back; frames.cddl is the schema.

import type { Endpoint } from '../bytes/address.js';
import type { NodeId, StatementId } from '../identity/member.js';

/** Signed by its owner (identity/records.ts): COSE_Sign1, at most 900 bytes. */
export type Sealed = Uint8Array;

export type Frame = Readonly<
  // Paths. `token`: 8 random bytes.
  | { kind: 'probe'; token: Uint8Array }
  /** Answers out of the place that the probe came from. `bytes`: how long the probe was, padded. */
  | { kind: 'probe-ack'; token: Uint8Array; observed: Endpoint; bytes: number }
  /** My candidates have changed; to all with whom there is a session. */
  | { kind: 'moved'; record: Sealed }
  /** I go now (a clean stop): do not wait for me. */
  | { kind: 'bye' }
  // Trackers
  | { kind: 'register'; record: Sealed }
  | { kind: 'registered'; observed: Endpoint; busy: boolean } // observed: where you came from
  | { kind: 'lookup'; node: NodeId; record: Sealed } // where is it? and tell it where I am
  | { kind: 'found'; node: NodeId; record: Sealed | null; observed: Endpoint | null }
  | {
      kind: 'introduce';
      node: NodeId;
      record: Sealed;
      observed: Endpoint;
      chain: readonly Uint8Array[];
    }
  /** Tracker, say something after so many seconds (at most 120): does our NAT let it in still? */
  | { kind: 'echo'; after: number }
  /** `seq` of the record that the tracker holds of us; 0: none, so register. */
  | { kind: 'echoed'; seq: number }
  | { kind: 'unregister' } // others serve me now
  // Reachability
  | { kind: 'check'; endpoint: Endpoint } // have somebody knock at me there
  | { kind: 'knock-at'; node: NodeId; endpoint: Endpoint } // tracker to a third member
  | { kind: 'attest-me'; endpoint: Endpoint } // you reached me unsolicited, there: sign it
  | { kind: 'attestation'; attestation: Sealed }
  | { kind: 'reachable'; records: readonly Sealed[] } // gossip
  /** Tell me those that are not among these: of each that I hold, its last four bytes. */
  | { kind: 'ask-reachable'; known: Uint8Array }
  // Relay channels
  | { kind: 'open'; to: NodeId }
  | { kind: 'opened'; to: NodeId; channel: number } // 0: refused, see reason
  | { kind: 'refused'; to: NodeId; reason: 'absent' | 'quota' | 'full' | 'role' }
  | { kind: 'offer'; from: NodeId; channel: number }
  | { kind: 'close'; channel: number }
  | { kind: 'gone'; channel: number }
  | { kind: 'usage'; given: readonly Usage[] } // relay to opener: what it has counted
  // For people who look at the mesh
  | { kind: 'ask-paths' } // which paths do you have?
  | { kind: 'paths'; paths: readonly SeenPath[] }
  // Roster
  | { kind: 'digest'; count: number; fingerprint: Uint8Array } // 16 bytes: sum of all ids
  | { kind: 'ranges'; ranges: readonly Range[] } // range-based set reconciliation
  | { kind: 'fetch'; ids: readonly StatementId[] }
  | { kind: 'statements'; statements: readonly Uint8Array[] }
  // The porch
  | { kind: 'show'; statements: readonly Uint8Array[]; node: NodeId; signature: Uint8Array }
  | {
      kind: 'welcome';
      statements: readonly Uint8Array[];
      reachable: readonly Sealed[];
      observed: Endpoint;
    }
  | { kind: 'unwelcome'; reason: string } // a code; words.ts of the reader has the sentence
  // Post-quantum: ML-KEM-768. `session` and ids of pre-shared keys: 8 bytes of a hash of them.
  /** In which session it is made, and the key that we would go on from (of a zero key: its id). */
  | { kind: 'kem-key'; key: Uint8Array; session: Uint8Array; old: Uint8Array } // always chunked
  /** `old`: the key gone on from; `made`: the new one. */
  | { kind: 'kem-box'; box: Uint8Array; old: Uint8Array; made: Uint8Array }
  | { kind: 'kem-done'; made: Uint8Array }
>;

export type FrameKind = Frame['kind'];
export type FrameOf<K extends FrameKind> = Extract<Frame, { kind: K }>;

/** A path of the teller's own: to whom, through whom (null: direct), 0.1 ms (0: not measured). */
export type SeenPath = Readonly<{ node: NodeId; via: NodeId | null; rtt: number }>;

/** Inner bytes that were accepted for relaying, both ways, since the channel was opened. */
export type Usage = Readonly<{ channel: number; bytes: number }>;

/**
 * One range of the ordered set of statement ids, up to and without `end` (32 bytes, or fewer: a
 * prefix; empty: infinity), from the end of the range before. With a fingerprint to compare, or
 * the ids themselves where they are few; neither: nothing to be done here.
 */
export type Range = Readonly<{
  end: Uint8Array;
  fingerprint?: Uint8Array;
  ids?: readonly StatementId[];
}>;
