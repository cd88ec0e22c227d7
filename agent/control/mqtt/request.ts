// What comes in on config/set and command/NAME, and what goes back.
//
//     command/NAME   {"id"?, "answer"?, "arguments"?: {…}, "sealTo"?}         or nothing at all
//     config/set     {"id"?, "answer"?, "patch": {…}, "confirm"?: seconds}    or the patch itself
//     both           {"id"?, "answer"?, "signed": base64}, see signed.ts
//
// `id` comes back with the answer, `answer` is the topic it goes to: both are plain JSON, so that
// they work in every version of MQTT.

import { CONFIRM_SECONDS_MAX } from '../../config/transaction.js';
import { formatProblem, type Problem } from '../../config/validate.js';

export const PAYLOAD_BYTES_MAX = 256 * 1024; // parsed and checked at once, between packets
const ID_LETTERS_MAX = 128;

export type RequestId = string | number | null;

export type Request = Readonly<{
  id: RequestId;
  answer: string | undefined; // topic, not checked yet
  /** Arguments of a command, or a merge patch: anything. */
  body: unknown;
  confirm: number | undefined; // seconds
  sealTo: string | undefined; // X25519 public key, base64
  signed: Uint8Array | undefined;
}>;

export type Read = Readonly<{ request: Request } | { id: RequestId; problem: string }>;

export function readRequest(kind: 'command' | 'config-set', payload: Uint8Array): Read {
  if (payload.length > PAYLOAD_BYTES_MAX)
    return { id: null, problem: `the payload has more than ${PAYLOAD_BYTES_MAX} bytes` };
  const value = parse(payload);
  if (value === undefined) return { id: null, problem: 'the payload is not a JSON object' };
  const { id: rawId, answer, signed, confirm, sealTo, ...rest } = value;
  const id = readId(rawId);
  if (answer !== undefined && typeof answer !== 'string')
    return { id, problem: 'answer: must be a topic' };
  if (sealTo !== undefined && typeof sealTo !== 'string')
    return { id, problem: 'sealTo: must be a public key in base64' };
  if (confirm !== undefined && !isSeconds(confirm))
    return { id, problem: `confirm: must be seconds from 1 to ${CONFIRM_SECONDS_MAX}` };
  if (signed !== undefined && (typeof signed !== 'string' || !/^[A-Za-z0-9+/]+=*$/.test(signed)))
    return { id, problem: 'signed: must be base64' };
  const bodyName = kind === 'command' ? 'arguments' : 'patch';
  const { [bodyName]: named, ...unknown } = rest;
  const bare = kind === 'config-set' && named === undefined;
  const [extra] = bare ? [] : Object.keys(unknown);
  if (extra !== undefined) return { id, problem: `${extra.slice(0, 64)}: is unknown` };
  const body = bare ? unknown : (named ?? {});
  const bytes = signed === undefined ? undefined : Buffer.from(signed, 'base64');
  return { request: { id, answer, body, confirm, sealTo, signed: bytes } };
}

/** An answer, as it is published. */
export type Answer = Readonly<{
  id: RequestId;
  ok: boolean;
  command?: string;
  result?: unknown;
  sealed?: string; // instead of the result
  error?: string;
  problems?: readonly string[];
  notes?: readonly string[];
  restart?: readonly string[];
  /** Seconds within which the change has to be confirmed, or is taken back. */
  pending?: number;
}>;

export function refusal(id: RequestId, error: string, problems: readonly Problem[] = []): Answer {
  return { id, ok: false, error, problems: problems.map(formatProblem) };
}

function readId(value: unknown): RequestId {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  return typeof value === 'string' && value.length <= ID_LETTERS_MAX ? value : null;
}

function isSeconds(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= CONFIRM_SECONDS_MAX;
}

/** Undefined: no object. Nothing at all is an empty one: a button has nothing to say. */
function parse(payload: Uint8Array): Record<string, unknown> | undefined {
  const text = new TextDecoder().decode(payload).trim();
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    const object = typeof value === 'object' && value !== null && !Array.isArray(value);
    return object ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
