// Control frames as bytes: deterministic CBOR (RFC 8949, section 4.2.1), frames.cddl is the schema.
//
//   { 0: kind, 1: ..., 2: ... }   a map with ascending integer keys: its first byte is 0xa1 to
//                                 0xb7, an IP packet's is 4x or 6x. Zero padding may follow.
//
// Versions meet here: unknown keys are ignored, a frame of unknown kind is dropped and counted, so
// that a newer node may say more. A known key of a wrong type, or out of bounds, drops the frame.

import { type Cbor, decode, encode } from '../bytes/cbor.js';
import type { Millis } from '../wireguard/effects.js';
import {
  Assembler,
  CHUNK_BYTES,
  CHUNKS_MAX,
  type Chunk,
  type ChunkDrop,
  FRAME_BYTES_MAX,
  split,
} from './chunks.js';
import * as fields from './fields.js';
import type { Frame, FrameKind, FrameOf } from './frame.js';

const { bytes, endpoint, flag, id, ids, list, orNull, range, uint } = fields;

const U32_MAX = 0xffff_ffff;
const token = bytes(8);
const sealed = bytes(1, fields.SEALED_BYTES_MAX);
const statement = bytes(1, fields.STATEMENT_BYTES_MAX);
const channel = uint(U32_MAX);
const chain = list(statement, fields.CHAIN_MAX);
const statements = list(statement, fields.STATEMENTS_MAX);
const records = list(sealed, fields.RECORDS_MAX);
const refusal = fields.word(['absent', 'quota', 'full', 'role']);

/** The fields of one kind: name in the code, then key and form on the wire. */
type Fields<K extends FrameKind> = {
  readonly [F in Exclude<keyof FrameOf<K>, 'kind'>]: readonly [
    key: number,
    field: fields.Field<FrameOf<K>[F]>,
  ];
};

/** Numbers and keys are for ever: a new meaning gets a new one. */
export const FORMS: { readonly [K in FrameKind]: readonly [number: number, Fields<K>] } = {
  probe: [1, { token: [1, token] }],
  'probe-ack': [2, { token: [1, token], observed: [2, endpoint], bytes: [3, uint(65_535)] }],
  moved: [3, { record: [1, sealed] }],
  bye: [4, {}],
  register: [5, { record: [1, sealed] }],
  registered: [6, { observed: [1, endpoint], busy: [2, flag] }],
  lookup: [7, { node: [1, id], record: [2, sealed] }],
  found: [8, { node: [1, id], record: [2, orNull(sealed)], observed: [3, orNull(endpoint)] }],
  introduce: [
    9,
    { node: [1, id], record: [2, sealed], observed: [3, endpoint], chain: [4, chain] },
  ],
  check: [10, { endpoint: [1, endpoint] }],
  'knock-at': [11, { node: [1, id], endpoint: [2, endpoint] }],
  'attest-me': [12, { endpoint: [1, endpoint] }],
  attestation: [13, { attestation: [1, sealed] }],
  reachable: [14, { records: [1, records] }],
  open: [15, { to: [1, id] }],
  opened: [16, { to: [1, id], channel: [2, channel] }],
  refused: [17, { to: [1, id], reason: [2, refusal] }],
  offer: [18, { from: [1, id], channel: [2, channel] }],
  close: [19, { channel: [1, channel] }],
  gone: [20, { channel: [1, channel] }],
  digest: [21, { count: [1, uint(U32_MAX)], fingerprint: [2, bytes(16)] }],
  ranges: [22, { ranges: [1, list(range, fields.RANGES_MAX)] }],
  fetch: [23, { ids: [1, ids] }],
  statements: [24, { statements: [1, statements] }],
  usage: [25, { given: [1, list(fields.usage, fields.USAGES_MAX)] }],
  show: [26, { statements: [1, chain], node: [2, id], signature: [3, bytes(64)] }],
  welcome: [27, { statements: [1, statements], reachable: [2, records], observed: [3, endpoint] }],
  unwelcome: [28, { reason: [1, fields.code] }],
  'kem-key': [29, { key: [1, bytes(1_184)], session: [2, token], old: [3, token] }],
  'kem-box': [30, { box: [1, bytes(1_088)], old: [2, token], made: [3, token] }],
  'kem-done': [31, { made: [1, token] }],
  echo: [32, { after: [1, uint(120)] }],
  echoed: [33, { seq: [1, uint(Number.MAX_SAFE_INTEGER)] }],
  unregister: [34, {}],
  'ask-reachable': [37, { known: [1, bytes(0, fields.MARKS_BYTES_MAX)] }],
  'ask-paths': [35, {}],
  paths: [36, { paths: [1, list(fields.seenPath, fields.SEEN_PATHS_MAX)] }],
};

const CHUNK = 0; // the kind of chunks, which the machines never see
const CHUNK_FIELDS: { readonly [F in keyof Chunk]: readonly [number, fields.Field<Chunk[F]>] } = {
  tag: [1, uint(U32_MAX)],
  index: [2, uint(CHUNKS_MAX)],
  count: [3, uint(CHUNKS_MAX)],
  bytes: [4, bytes(0, CHUNK_BYTES)],
};

/** A form with its types forgotten: what walks over fields by name needs no more. */
type Form = readonly (readonly [name: string, key: number, field: fields.Field<unknown>])[];
const formOf = (named: object): Form =>
  Object.entries(named as Record<string, readonly [number, fields.Field<unknown>]>)
    .map(([name, [key, field]]) => [name, key, field] as const)
    .sort((a, b) => a[1] - b[1]);

const chunkForm = formOf(CHUNK_FIELDS);
const known = Object.entries(FORMS).map(
  ([kind, [number, named]]) => ({ kind: kind as FrameKind, number, form: formOf(named) }) as const,
);
const byKind = new Map(known.map((one) => [one.kind, one]));
const byNumber = new Map(known.map((one) => [one.number, one]));

/**
 * The frame for the wire: one piece, or its chunks, each 1,184 bytes at most. Throws RangeError
 * where a field is out of its bounds, which the machines keep, or the whole is above 64 KiB.
 */
export function encodeFrame(frame: Frame): Uint8Array[] {
  const known = byKind.get(frame.kind);
  if (known === undefined) throw new RangeError(`"frame" is of no kind: ${frame.kind}`);
  const whole = write(known.number, known.form, frame);
  if (whole.length <= FRAME_BYTES_MAX) return [whole];
  return split(whole).map((chunk) => write(CHUNK, chunkForm, chunk));
}

/** How long a frame is before it is cut into chunks. */
export function frameBytes(frame: Frame): number {
  const known = byKind.get(frame.kind);
  return known === undefined ? 0 : write(known.number, known.form, frame).length;
}

function write(number: number, form: Form, from: object): Uint8Array {
  const map = new Map<number, Cbor>([[0, number]]);
  for (const [name, key, field] of form) {
    const value = field.write((from as Record<string, unknown>)[name]);
    if (value !== null) map.set(key, value);
  }
  return encode(map);
}

export type FrameDrop =
  | 'frame-cbor' // no deterministic CBOR map with a kind in it
  | 'frame-unknown' // a kind that we do not know (yet)
  | 'frame-missing' // a key is not there that must be
  | 'frame-value' // of a wrong type or out of bounds
  | ChunkDrop;

/** Reads what one peer sends: keeps the chunks that have come so far. */
export class FrameReader {
  private readonly assembler: Assembler;

  /** `drop` is called once for every frame or chunk that comes to nothing. */
  constructor(private readonly drop: (reason: FrameDrop) => void) {
    this.assembler = new Assembler(drop);
  }

  /** The frame, if these bytes are one or complete one. Takes no hold of `bytes`; never throws. */
  read(bytes: Uint8Array, now: Millis): Frame | undefined {
    const chunk = this.take(bytes);
    if (chunk === undefined || 'kind' in chunk) return chunk;
    const whole = this.assembler.add(chunk, now);
    const frame = whole && this.take(whole);
    if (frame === undefined || 'kind' in frame) return frame;
    this.drop('chunk-form'); // a chunk of chunks
    return undefined;
  }

  /** Lets go of chunks that waited too long, also where nothing comes any more. */
  expire(now: Millis): void {
    this.assembler.expire(now);
  }

  private take(bytes: Uint8Array): Frame | Chunk | undefined {
    const map = decode(bytes, { padding: true });
    const kind = map instanceof Map ? map.get(0) : undefined;
    if (!(map instanceof Map) || typeof kind !== 'number') return this.refuse('frame-cbor');
    if (kind === CHUNK) return this.fields(map, chunkForm, {}) as Chunk | undefined;
    const known = byNumber.get(kind);
    if (known === undefined) return this.refuse('frame-unknown');
    return this.fields(map, known.form, { kind: known.kind }) as Frame | undefined;
  }

  /** `into` with a value for each field of the form, and with nothing else. */
  private fields(map: Map<unknown, unknown>, form: Form, into: Record<string, unknown>) {
    for (const [name, key, field] of form) {
      const value = map.get(key);
      if (value === undefined) {
        if (field.missing === undefined) return this.refuse('frame-missing');
        into[name] = field.missing;
      } else {
        const read = field.read(value);
        if (read === undefined) return this.refuse('frame-value');
        into[name] = read;
      }
    }
    return into;
  }

  private refuse(reason: FrameDrop): undefined {
    this.drop(reason);
    return undefined;
  }
}
