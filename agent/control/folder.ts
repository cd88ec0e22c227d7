// The state folder: identity, kith.json, keys in files, the timestamp ceiling. Nothing else is
// written by the agent, and everything is for its owner's eyes only.

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { decodeKey } from '../bytes/base64.js';
import { Failure, systemCode } from '../commands/failure.js';
import { wipe } from '../crypto/secret.js';
import { SEED_BYTES } from '../identity/seed.js';
import { quoted, realFiles, writeAtomically } from './atomic.js';

export const STATE_DEFAULT = '/etc/kith';
export const CONFIG_BYTES_MAX = 16 * 1024 * 1024; // 130,000 allowed IPs are about 4 MiB
const KEY_FILE_BYTES_MAX = 256;
const CEILING_BYTES_MAX = 32;
const SECRET_BYTES_MAX = 64 * 1024; // passwords, private keys as PEM
const PUBLIC_BYTES_MAX = 1024 * 1024; // a bundle of certificate authorities is about 250 KiB

export class Folder {
  readonly path: string;
  readonly configPath: string;
  /** What was written through this object: flash wears out. */
  readonly writes = { files: 0, bytes: 0 };

  /** `config` is another file to take the configuration from. Nothing is touched yet. */
  constructor(
    path: string,
    config?: string,
    private readonly files = realFiles,
  ) {
    this.path = resolve(path);
    this.configPath = config === undefined ? join(this.path, 'kith.json') : resolve(config);
  }

  get socketPath(): string {
    return join(this.path, 'kith.sock');
  }

  file(name: string): string {
    return isAbsolute(name) ? name : join(this.path, name);
  }

  /** Makes the folder where it is missing. */
  make(): void {
    try {
      makeFolder(this.path);
      if (!statSync(this.path).isDirectory()) throw new Failure(`${this.path} is no folder`);
    } catch (error) {
      throw asFailure(error, 'make', this.path);
    }
  }

  /** The node's seed, 32 bytes for the caller to wipe; undefined where there is none yet. */
  readSeed(): Uint8Array | undefined {
    const path = this.file('identity');
    const seed = readPrivate(path, SEED_BYTES + 1);
    if (seed === undefined || seed.length === SEED_BYTES) return seed;
    wipe(seed);
    throw new Failure(
      `${path} is damaged: it must have ${SEED_BYTES} bytes. Put a backup in its place; ` +
        'without one, move it away, and this node becomes a new one at the next start',
    );
  }

  writeSeed(seed: Uint8Array): void {
    this.write('identity', seed);
  }

  /** A key in base64, as `wg genkey` and `wg genpsk` write it; 32 bytes for the caller to wipe. */
  readKey(name: string): Uint8Array {
    const path = this.file(name);
    const bytes = readPrivate(path, KEY_FILE_BYTES_MAX);
    if (bytes === undefined) throw new Failure(`${path} is missing`);
    const key = decodeKey(Buffer.from(bytes).toString('latin1').trim());
    wipe(bytes);
    if (!key) throw new Failure(`${path} must hold one key in base64, as \`wg genkey\` prints it`);
    return key;
  }

  writeKey(name: string, text: string): void {
    this.write(name, Buffer.from(`${text}\n`));
  }

  /** The text of the configuration; undefined where there is none yet. */
  readConfig(): string | undefined {
    const bytes = read(this.configPath, CONFIG_BYTES_MAX + 1, () => {});
    if (bytes === undefined) return undefined;
    if (bytes.length > CONFIG_BYTES_MAX)
      throw new Failure(`${this.configPath} is larger than 16 MiB`);
    return new TextDecoder().decode(bytes);
  }

  writeConfig(text: string): void {
    this.writePath(this.configPath, Buffer.from(text));
  }

  /** The configuration before the last change; undefined where there was none. */
  readLast(): string | undefined {
    return this.readText('kith.last.json');
  }

  writeLast(text: string): void {
    this.write('kith.last.json', Buffer.from(text));
  }

  /** The configuration to go back to, while a change of it waits to be confirmed. */
  readPending(): string | undefined {
    return this.readText('kith.pending.json');
  }

  writePending(text: string): void {
    this.write('kith.pending.json', Buffer.from(text));
  }

  clearPending(): void {
    this.remove('kith.pending.json');
  }

  /** A configuration of another version, kept beside. */
  keepVersion(version: number, text: string): void {
    this.writePath(this.versionPath(version), Buffer.from(text));
  }

  readVersion(version: number): string | undefined {
    return this.readText(this.versionPath(version));
  }

  forgetVersion(version: number): void {
    this.remove(this.versionPath(version));
  }

  /** Of which there is one beside, the newest first. */
  keptVersions(): number[] {
    const form = new RegExp(`^${quoted(this.versionName)}\\.v(\\d{1,6})\\.json$`);
    const found = readdirSync(dirname(this.configPath)).flatMap((name) => {
      const version = form.exec(name)?.[1];
      return version === undefined ? [] : [Number(version)];
    });
    return found.sort((a, b) => b - a);
  }

  private get versionName(): string {
    return basename(this.configPath).replace(/\.json$/, '');
  }

  private versionPath(version: number): string {
    return join(dirname(this.configPath), `${this.versionName}.v${version}.json`);
  }

  /** A secret as it stands in its file, such as a password; for the caller to wipe. */
  readSecret(name: string): Uint8Array {
    const path = this.file(name);
    const bytes = readPrivate(path, SECRET_BYTES_MAX + 1);
    if (bytes === undefined) throw new Failure(`${path} is missing`);
    if (bytes.length <= SECRET_BYTES_MAX) return bytes;
    wipe(bytes);
    throw new Failure(`${path} is larger than ${SECRET_BYTES_MAX} bytes`);
  }

  /** A file that is no secret, such as a certificate. */
  readPublic(name: string): Uint8Array {
    const path = this.file(name);
    const bytes = read(path, PUBLIC_BYTES_MAX, () => {});
    if (bytes === undefined) throw new Failure(`${path} is missing`);
    return bytes;
  }

  has(name: string): boolean {
    return existsSync(this.file(name));
  }

  writeSecret(name: string, secret: Uint8Array): void {
    this.write(name, secret);
  }

  /** Unix seconds above which no handshake was ever stamped; undefined at the first start. */
  readCeiling(): number | undefined {
    const bytes = read(this.file('ceiling'), CEILING_BYTES_MAX, () => {});
    const text = new TextDecoder().decode(bytes).trim();
    return /^\d{1,12}(\.\d{1,9})?$/.test(text) ? Number(text) : undefined;
  }

  writeCeiling(seconds: number): void {
    this.write('ceiling', Buffer.from(`${seconds}\n`));
  }

  /** A file of the agent's own, up to so many bytes; undefined where there is none. */
  readBytes(name: string, bytesMax: number): Uint8Array | undefined {
    return readPrivate(this.file(name), bytesMax);
  }

  writeBytes(name: string, content: Uint8Array): void {
    this.write(name, content);
  }

  remove(name: string): void {
    rmSync(this.file(name), { force: true });
  }

  private readText(name: string): string | undefined {
    const bytes = read(this.file(name), CONFIG_BYTES_MAX, () => {});
    return bytes && new TextDecoder().decode(bytes);
  }

  private write(name: string, content: Uint8Array): void {
    this.make();
    this.writePath(this.file(name), content);
  }

  private writePath(path: string, content: Uint8Array): void {
    try {
      writeAtomically(path, content, this.files);
      this.writes.files++;
      this.writes.bytes += content.length;
    } catch (error) {
      throw asFailure(error, 'write', path);
    }
  }
}

/** Node's own `recursive` never ends where the kernel says ENOENT for good, as under /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

/** Refuses what others may read: a secret that was open to them is none any more. */
function readPrivate(path: string, bytesMax: number): Uint8Array | undefined {
  return read(path, bytesMax, (mode, owner) => {
    const me = process.geteuid?.() ?? owner;
    if ((mode & 0o077) !== 0)
      throw new Failure(`${path} may be read by others: run \`chmod 600 ${path}\``);
    if (owner !== me && owner !== 0)
      throw new Failure(`${path} belongs to another user: run \`chown root ${path}\``);
  });
}

function read(
  path: string,
  bytesMax: number,
  check: (mode: number, owner: number) => void,
): Uint8Array | undefined {
  let file: number;
  try {
    // Without O_NONBLOCK a named pipe in the file's place would hold us for ever.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw asFailure(error, 'read', path);
  }
  try {
    const status = fstatSync(file);
    if (!status.isFile()) throw new Failure(`${path} is no file`);
    check(status.mode, status.uid);
    const bytes = new Uint8Array(Math.min(bytesMax, status.size));
    for (let at = 0; at < bytes.length; ) {
      const count = readSync(file, bytes, at, bytes.length - at, null);
      if (count === 0) return bytes.slice(0, at);
      at += count;
    }
    return bytes;
  } catch (error) {
    throw asFailure(error, 'read', path);
  } finally {
    closeSync(file);
  }
}

function asFailure(error: unknown, verb: string, path: string): unknown {
  const code = systemCode(error);
  if (error instanceof Failure || code === undefined) return error;
  const reasons: Record<string, string> = {
    EACCES: 'not allowed; are you root? Try it with sudo',
    EPERM: 'not allowed; are you root? Try it with sudo',
    ENOSPC: 'the disk is full',
    EROFS: 'the file system is read-only',
    ENOENT: 'there is no such folder',
    ENOTDIR: 'a part of the path is no folder',
    EEXIST: 'something that is no folder is in its place',
  };
  return new Failure(`cannot ${verb} ${path}: ${reasons[code] ?? code}`);
}
