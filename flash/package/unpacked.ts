// Single files out of a package of npm's.

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Failure } from '../../agent/commands/failure.js';
import { type TarEntry, TarReader } from '../../agent/update/tar.js';

const BYTES_MAX = 2 ** 29; // Node's package is a quarter of it

/** Contents by the names wanted, which begin with `package/`. Throws Failure. */
export function filesOf(archive: string, names: readonly string[]): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  let name: string | undefined;
  let pieces: Uint8Array[] = [];
  const reader = new TarReader(
    {
      begin(entry: TarEntry) {
        name = entry.type === 'file' && names.includes(entry.name) ? entry.name : undefined;
        pieces = [];
      },
      data(bytes) {
        if (name !== undefined) pieces.push(Uint8Array.from(bytes));
      },
      end() {
        if (name !== undefined) found.set(name, Buffer.concat(pieces));
      },
    },
    BYTES_MAX,
  );
  reader.push(gunzipSync(readFileSync(archive), { maxOutputLength: BYTES_MAX }));
  const lacking = names.filter((one) => !found.has(one));
  if (lacking.length > 0) throw new Failure(`${archive} has no ${lacking.join(', ')}`);
  return found;
}
