// The configuration that the release before an update had. A newer release may write settings that
// the older one does not know; taken back, the older one finds its own again.

import { parseConfig } from '../config/validate.js';
import type { Folder } from './folder.js';

const KEPT = 'kith.before-update.json';
const NEWER = 'kith.newer.json';
const KEPT_BYTES_MAX = 32 * 1024 * 1024;

/** Before the switch to another release. */
export function keepConfig(folder: Folder, version: string): void {
  const config = folder.readConfig();
  if (config === undefined) return;
  folder.writeBytes(KEPT, Buffer.from(JSON.stringify({ version, config })));
}

/** The update is confirmed. */
export function dropKept(folder: Folder): void {
  folder.remove(KEPT);
}

/**
 * At the start, before the configuration is read: where `version` runs again and does not
 * understand what lies there, it gets its own back. What was done, for the log.
 */
export function restoreKept(folder: Folder, version: string): string | undefined {
  const bytes = folder.readBytes(KEPT, KEPT_BYTES_MAX);
  const now = folder.readConfig();
  if (bytes === undefined || now === undefined || !('problems' in parseConfig(now)))
    return undefined;
  const kept = readKept(bytes);
  if (kept?.version !== version || 'problems' in parseConfig(kept.config)) return undefined;
  folder.writeBytes(NEWER, Buffer.from(now));
  folder.writeConfig(kept.config);
  return `the configuration of a newer release lies in ${folder.file(NEWER)}; this one has its own`;
}

function readKept(bytes: Uint8Array): { version: string; config: string } | undefined {
  try {
    const { version, config } = Object(JSON.parse(Buffer.from(bytes).toString()));
    return typeof version === 'string' && typeof config === 'string'
      ? { version, config }
      : undefined;
  } catch {
    return undefined;
  }
}
