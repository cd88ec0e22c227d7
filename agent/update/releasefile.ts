// release.json: what a release says of itself, in its own folder.

import { readFileSync, statSync } from 'node:fs';
import { isTarget } from './manifest.js';
import type { Installed } from './slots.js';
import { isVersion } from './version.js';

const BYTES_MAX = 4_096;

/** Undefined where there is none, or none that can be read. */
export function readReleaseFile(path: string): Installed | undefined {
  try {
    if (statSync(path).size > BYTES_MAX) return undefined;
    return parseRelease(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

export function parseRelease(text: string): Installed | undefined {
  try {
    const { name, version, target } = Object(JSON.parse(text)) as Record<string, unknown>;
    if (name !== 'kith' || typeof version !== 'string' || typeof target !== 'string')
      return undefined;
    return isVersion(version) && isTarget(target) ? { version, target } : undefined;
  } catch {
    return undefined;
  }
}
