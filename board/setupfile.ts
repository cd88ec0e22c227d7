// What sets a node up: its name, its invite, Wi-Fi, broker, keys, PIN, settings. One JSON document,
// which is injected into the boot partition of a card (kith-setup.json in the root folder of its
// first FAT partition), sent over a serial cable, and given to `kith provision`.
//
//   { "version": 1, "name": "cabin", "invite": "kith1…",
//     "wifi": { "ssid": "…", "password": "…", "country": "DE" },
//     "mqtt": { "url": "mqtts://…", "username": "…", "password": "…" },
//     "sshKeys": ["ssh-ed25519 …"], "pin": "…", "config": { a merge patch of kith.json } }
//
// All but the version may be missing. There are secrets in it: who reads it from a card wipes it.

import * as v from 'valibot';
import { name, text } from '../agent/config/kinds.js';
import type { Problem } from '../agent/config/validate.js';

export const SETUP_FILE = 'kith-setup.json';
export const SETUP_VERSION = 1;
export const SETUP_BYTES_MAX = 256 * 1024;
const WORD_MAX = 4096; // an invite has some 500 characters
const KEYS_MAX = 64;

const line = (max: number) =>
  v.pipe(text(max), v.regex(/^[^\0\r\n]+$/, 'must be one line, and not empty'));

export const SetupSchema = v.strictObject({
  version: v.literal(SETUP_VERSION, `must be ${SETUP_VERSION}`),
  name: v.optional(name),
  invite: v.optional(v.pipe(text(WORD_MAX), v.regex(/^kith1/i, 'must be an invite, kith1…'))),
  wifi: v.optional(
    v.strictObject({
      ssid: v.pipe(
        line(32),
        v.check((value) => Buffer.byteLength(value) <= 32, 'must be at most 32 bytes'),
      ),
      password: v.optional(
        v.pipe(text(64), v.regex(/^[ -~]{8,63}$|^[0-9a-f]{64}$/i, 'must have 8 to 63 characters')),
      ),
      country: v.optional(
        v.pipe(v.string(), v.regex(/^[A-Z]{2}$/, 'must be two capital letters, such as DE')),
      ),
    }),
  ),
  mqtt: v.optional(
    v.strictObject({
      url: text(512), // the configuration says what is a good one
      username: v.optional(line(256)),
      password: v.optional(line(1024)),
    }),
  ),
  sshKeys: v.optional(
    v.pipe(
      v.array(
        v.pipe(
          line(8192),
          v.regex(
            /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+( .*)?$/,
            'must be a public key, as in id_ed25519.pub',
          ),
        ),
      ),
      v.maxLength(KEYS_MAX, `must be at most ${KEYS_MAX} keys`),
    ),
  ),
  pin: v.optional(line(64)),
  config: v.optional(v.record(v.string(), v.unknown())),
});

export type Setup = v.InferOutput<typeof SetupSchema>;

/** Problems never repeat a value: it may be a secret. */
export function readSetup(
  text: string,
): Readonly<{ setup: Setup } | { problems: readonly Problem[] }> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problems: [{ path: 'setup', problem: 'is not JSON' }] };
  }
  const read = v.safeParse(SetupSchema, value);
  if (read.success) return { setup: read.output };
  return { problems: read.issues.map(problemOf) };
}

function problemOf(issue: v.BaseIssue<unknown>): Problem {
  const parts = issue.path ?? [];
  const path = parts.map((part) => String(part.key).slice(0, 64)).join('.') || 'setup';
  if (issue.kind !== 'schema') return { path, problem: issue.message };
  if (issue.expected === 'never') return { path, problem: 'is unknown' };
  if (issue.input === undefined) return { path, problem: 'is missing' };
  const { message } = issue;
  return { path, problem: message.startsWith('Invalid') ? 'is of the wrong type' : message };
}
