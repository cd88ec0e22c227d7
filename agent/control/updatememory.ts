// What a node remembers of updates: update.json in the state folder.

import { EMPTY, type Memory } from '../update/policy.js';
import { isVersion } from '../update/version.js';
import type { Folder } from './folder.js';
import type { Log } from './ports.js';

const FILE = 'update.json';
const BYTES_MAX = 32_768;
const REASON_MAX = 500;

export function readUpdateMemory(folder: Folder, log: Log): Memory {
  const bytes = folder.readBytes(FILE, BYTES_MAX);
  if (bytes === undefined) return EMPTY;
  const memory = parseMemory(Buffer.from(bytes).toString());
  if (memory === undefined) log('error', `${folder.file(FILE)} is damaged: it is begun anew`);
  return memory ?? EMPTY;
}

export function writeUpdateMemory(folder: Folder, { manifest, floor, failed }: Memory): void {
  const text = JSON.stringify({
    manifest: manifest && Buffer.from(manifest).toString('base64'),
    floor,
    failed,
  });
  folder.writeBytes(FILE, Buffer.from(`${text}\n`));
}

export function parseMemory(text: string): Memory | undefined {
  try {
    const { manifest, floor, failed } = Object(JSON.parse(text)) as Record<string, unknown>;
    if (manifest !== null && typeof manifest !== 'string') return undefined;
    if (floor !== null && !(typeof floor === 'string' && isVersion(floor))) return undefined;
    const bytes = manifest === null ? null : new Uint8Array(Buffer.from(manifest, 'base64'));
    if (failed === null) return { manifest: bytes, floor, failed };
    const { version, reason } = Object(failed) as Record<string, unknown>;
    if (typeof version !== 'string' || !isVersion(version)) return undefined;
    const why = String(reason).slice(0, REASON_MAX);
    return { manifest: bytes, floor, failed: { version, reason: why } };
  } catch {
    return undefined;
  }
}
