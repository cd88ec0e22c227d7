// What a field of a control frame may hold: its form in CBOR, and its bounds.
//
// A field reads what the strict decoder (bytes/cbor.ts) made of a peer's bytes: `undefined` means
// that it is of a wrong type or out of bounds. It has copied all bytes out of the datagram.

import { addressBytes, type Endpoint, formatAddress } from '../bytes/address.js';
import type { Cbor } from '../bytes/cbor.js';
import type { NodeId, StatementId } from '../identity/member.js';
import { idBytes, idOf } from '../identity/nodeid.js';
import type { Range, SeenPath, Usage } from './frame.js';

export type Field<T> = Readonly<{
  /** Null: the key is left out. Throws RangeError on what the frame may not hold. */
  write(value: T): Cbor;
  read(value: unknown): T | undefined;
  /** What a missing key means, where it may be missing. */
  missing?: T;
}>;

export const ID_BYTES = 32;
/** A signed record of a node about itself (identity/records.ts). */
export const SEALED_BYTES_MAX = 900;
/** A statement; the largest are revocations of admins and sealed epoch keys. */
export const STATEMENT_BYTES_MAX = 24_576;
/** Of a list in one frame; a longer one goes in several frames. */
export const STATEMENTS_MAX = 256;
export const IDS_MAX = 512; // 16 KiB, in 15 chunks
export const RANGES_MAX = 512; // each costs a fingerprint
export const RECORDS_MAX = 64;
export const MARKS_BYTES_MAX = 1_024; // four of each record held: twice as many as there are
export const CHAIN_MAX = 64; // ten members, each the next one's witness, with six statements each
export const USAGES_MAX = 64;
export const SEEN_PATHS_MAX = 64; // more cannot be drawn

export function bytes(min: number, max = min): Field<Uint8Array> {
  const fits = (value: Uint8Array) => value.length >= min && value.length <= max;
  return {
    write(value) {
      if (!fits(value)) throw new RangeError(`${value.length} bytes, not ${min} to ${max}`);
      return value;
    },
    read: (value) => (isBytes(value) && fits(value) ? value : undefined),
  };
}

export function uint(max: number): Field<number> {
  const fits = (value: unknown): value is number =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max;
  return {
    write(value) {
      if (!fits(value)) throw new RangeError(`${value} is not from 0 to ${max}`);
      return value;
    },
    read: (value) => (fits(value) ? value : undefined),
  };
}

export const flag: Field<boolean> = {
  write: (value) => value,
  read: (value) => (typeof value === 'boolean' ? value : undefined),
};

/** One of a few words, sent as its number in the list. */
export function word<W extends string>(words: readonly W[]): Field<W> {
  return {
    write(value) {
      const at = words.indexOf(value);
      if (at < 0) throw new RangeError(`"${value}" is none of ${words.join(', ')}`);
      return at;
    },
    read: (value) => (typeof value === 'number' ? words[value] : undefined),
  };
}

/** A code for programs: 1 to 32 of a-z, 0-9 and hyphens, which do no harm in a terminal. */
export const code: Field<string> = {
  write(value) {
    if (!CODE.test(value)) throw new RangeError(`"${value}" is no code`);
    return value;
  },
  read: (value) => (typeof value === 'string' && CODE.test(value) ? value : undefined),
};
const CODE = /^[a-z0-9-]{1,32}$/;

/** A node key or the id of a statement. */
export const id: Field<NodeId> = {
  write: idBytes,
  read: (value) => (isBytes(value) && value.length === ID_BYTES ? idOf(value) : undefined),
};

/**
 * [address, port]. Port 0 is written, for a datagram can come from there, and never read: nothing
 * can be sent there. The scope of a link-local address means nothing elsewhere and stays behind.
 */
export const endpoint: Field<Endpoint> = {
  write: ({ address, port }) => [addressBytes(address), port],
  read(value) {
    if (!Array.isArray(value) || value.length !== 2) return undefined;
    const [address, port]: unknown[] = value;
    if (!isBytes(address) || (address.length !== 4 && address.length !== 16)) return undefined;
    if (typeof port !== 'number' || !Number.isInteger(port)) return undefined;
    if (port < 1 || port > 65_535) return undefined;
    return { address: formatAddress(address), port };
  },
};

/** A list of `field`s, `max` at most. */
export function list<T>(field: Field<T>, max: number): Field<readonly T[]> {
  return {
    write(values) {
      if (values.length > max) throw new RangeError(`${values.length} entries, not ${max}`);
      return values.map((value) => field.write(value));
    },
    read(values) {
      if (!Array.isArray(values) || values.length > max) return undefined;
      return all(values, (value: unknown) => field.read(value));
    },
  };
}

/** The key is missing where the value is null. */
export function orNull<T>(field: Field<T>): Field<T | null> {
  return {
    write: (value) => (value === null ? null : field.write(value)),
    read: (value) => field.read(value),
    missing: null,
  };
}

/** Ids in a row as one byte string: two bytes less for each than a list of them. */
export const ids: Field<readonly StatementId[]> = {
  write(values) {
    if (values.length > IDS_MAX) throw new RangeError(`${values.length} ids, not ${IDS_MAX}`);
    const row = new Uint8Array(ID_BYTES * values.length);
    for (const [i, value] of values.entries()) row.set(idBytes(value), ID_BYTES * i);
    return row;
  },
  read(value) {
    if (!isBytes(value) || value.length % ID_BYTES !== 0) return undefined;
    if (value.length > ID_BYTES * IDS_MAX) return undefined;
    return Array.from({ length: value.length / ID_BYTES }, (_, i) =>
      idOf(value.subarray(ID_BYTES * i, ID_BYTES * (i + 1))),
    );
  },
};

/** Of a range: half of the bytes of a digest's, for nothing hangs on one of them alone. */
export const PRINT_BYTES = 8;

/** [end], [end, fingerprint] or [end, ids]: ids are multiples of 32 bytes, a fingerprint is 8. */
export const range: Field<Range> = {
  write({ end, fingerprint, ids: members }) {
    const to = END.write(end);
    if (fingerprint !== undefined) return [to, PRINT.write(fingerprint)];
    return members === undefined ? [to] : [to, ids.write(members)];
  },
  read(value) {
    if (!Array.isArray(value) || value.length < 1 || value.length > 2) return undefined;
    const [to, what]: unknown[] = value;
    const end = END.read(to);
    if (end === undefined) return undefined;
    if (value.length === 1) return { end };
    const fingerprint = PRINT.read(what);
    if (fingerprint !== undefined) return { end, fingerprint };
    const members = ids.read(what);
    return members === undefined ? undefined : { end, ids: members };
  },
};
const END = bytes(0, ID_BYTES);
const PRINT = bytes(PRINT_BYTES);

/** [channel, bytes] */
export const usage: Field<Usage> = {
  write: (given) => [CHANNEL.write(given.channel), COUNT.write(given.bytes)],
  read(value) {
    if (!Array.isArray(value) || value.length !== 2) return undefined;
    const channel = CHANNEL.read(value[0]);
    const count = COUNT.read(value[1]);
    if (channel === undefined || count === undefined) return undefined;
    return { channel, bytes: count };
  },
};
/** [node, 0.1 ms] where it is direct, [node, 0.1 ms, via] where it is not. */
export const seenPath: Field<SeenPath> = {
  write({ node, via, rtt }) {
    const path = [id.write(node), CHANNEL.write(rtt)];
    return via === null ? path : [...path, id.write(via)];
  },
  read(value) {
    if (!Array.isArray(value) || value.length < 2 || value.length > 3) return undefined;
    const node = id.read(value[0]);
    const rtt = CHANNEL.read(value[1]);
    const via = value.length === 2 ? null : id.read(value[2]);
    if (node === undefined || rtt === undefined || via === undefined) return undefined;
    return { node, via, rtt };
  },
};
const CHANNEL = uint(0xffff_ffff);
const COUNT = uint(Number.MAX_SAFE_INTEGER);

/** Undefined as soon as one of them is. */
function all<T>(values: readonly unknown[], read: (value: unknown) => T | undefined) {
  const results: T[] = [];
  for (const value of values) {
    const result = read(value);
    if (result === undefined) return undefined;
    results.push(result);
  }
  return results;
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}
