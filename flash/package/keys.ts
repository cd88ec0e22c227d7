// The keys that sign the feeds: made at first use, kept in a folder of the packager's, 0600. The
// public halves lie beside the packages: routers get them.

import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../agent/commands/failure.js';

/** Both are PEM (PKCS 8). */
export type FeedKeys = Readonly<{ opkg: string; apk: string }>;

const FILES = { opkg: 'feed-opkg.key', apk: 'feed-apk.key' } as const;

/** Reads the keys of a folder, or makes them. Throws Failure. */
export function feedKeys(folder: string): FeedKeys {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return {
      opkg: readOrMake(join(folder, FILES.opkg), () => generateKeyPairSync('ed25519')),
      apk: readOrMake(join(folder, FILES.apk), () =>
        generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      ),
    };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Failure(
      `the keys of the feeds cannot be kept in ${folder} (${code ?? message}): ` +
        'name another folder with --keys DIR',
    );
  }
}

type Pair = ReturnType<typeof generateKeyPairSync>;

function readOrMake(path: string, make: () => Pick<Pair, 'privateKey'>): string {
  if (existsSync(path)) return readFileSync(path, 'utf8');
  const text = make().privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
  return text;
}
