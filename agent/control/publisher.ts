// `kith update key` and `kith update sign`, on files.

import { closeSync, constants, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { encodeKey } from '../bytes/base64.js';
import { Failure, systemCode } from '../commands/failure.js';
import type { Publisher } from '../commands/updates.js';
import { ed25519, SEED_BYTES, signerOf } from '../crypto/ed25519.js';
import { wipe } from '../crypto/secret.js';
import { isChannel } from '../update/manifest.js';
import { PublishFailure, publishRelease } from '../update/publish.js';
import { isVersion } from '../update/version.js';

const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;

export function publisher(random: (bytes: number) => Uint8Array): Publisher {
  return {
    makeKey: (file) => makeKey(file, random),

    async sign({ folder, key, version, minimum, notes, channel }) {
      for (const one of minimum === null ? [version] : [version, minimum])
        if (!isVersion(one)) throw new Failure(`"${one}" is no version such as 1.4.0`);
      if (!isChannel(channel)) throw new Failure(`"${channel}" is no name of a channel`);
      const seed = readKey(key);
      try {
        const order = { folder, version, minimum, notes, channel, issued: Date.now() };
        return await publishRelease({ ...order, signer: signerOf(seed) });
      } catch (error) {
        if (error instanceof PublishFailure) throw new Failure(error.message);
        if (systemCode(error) !== undefined)
          throw new Failure(`${folder} cannot be used: ${systemCode(error)}`);
        throw error;
      } finally {
        wipe(seed);
      }
    },
  };
}

/** Never over a file that is there: a publisher's key is not made twice. */
function makeKey(path: string, random: (bytes: number) => Uint8Array): string {
  const seed = random(SEED_BYTES);
  let file: number;
  try {
    file = openSync(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
  } catch (error) {
    throw new Failure(
      systemCode(error) === 'EEXIST'
        ? `${path} is there already: a key is never overwritten`
        : `cannot write ${path}: ${systemCode(error) ?? String(error)}`,
    );
  }
  try {
    writeSync(file, `${encodeKey(seed)}\n`);
    fsyncSync(file);
    return encodeKey(ed25519.publicKeyOf(seed));
  } finally {
    closeSync(file);
    wipe(seed);
  }
}

function readKey(path: string): Uint8Array {
  let text: string;
  try {
    text = readFileSync(path, 'latin1').trim();
  } catch (error) {
    throw new Failure(`cannot read the key ${path}: ${systemCode(error) ?? String(error)}`);
  }
  const seed = Buffer.from(text, 'base64');
  if (seed.length === SEED_BYTES && seed.toString('base64') === text) return new Uint8Array(seed);
  throw new Failure(`${path} holds no key that \`kith update key\` made`);
}
