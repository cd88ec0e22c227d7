// The configuration of a state folder: read, changed as a transaction, and made at the first start.

import { hostname } from 'node:os';
import { localPrefixes } from '../../board/machine.js';
import { encodeKey } from '../bytes/base64.js';
import type { KeyFile, Outcome, Store } from '../commands/context.js';
import { Failure } from '../commands/failure.js';
import { firstAddresses } from '../config/addressing.js';
import { withValueAt } from '../config/path.js';
import { CONFIG_VERSION, type Config } from '../config/schema.js';
import { configText } from '../config/text.js';
import { type Checked, checkConfig, parseConfig } from '../config/validate.js';
import { safeName } from '../config/words.js';
import { wipe } from '../crypto/secret.js';
import { publicKeyOf } from '../crypto/x25519.js';
import { Identity, SEED_BYTES } from '../identity/seed.js';
import type { Folder } from './folder.js';
import { keepOlder } from './versions.js';

/** A running agent, as far as a change of its configuration concerns it. */
export interface Live {
  /** Brings the difference about; throws Failure, and then nothing has changed. */
  apply(after: Config): Promise<readonly string[]>; // paths that wait for a restart
}

const TRIES_MAX = 3; // another writer was faster so many times: give up

const LAST_WRONG = 'the configuration before the last change is not right any more:';

export class FileStore implements Store {
  onName: ((name: string) => void) | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private last: Readonly<{ text: string; config: Config }> | undefined;

  constructor(
    private readonly folder: Folder,
    private readonly random: (bytes: number) => Uint8Array,
    private readonly live?: Live,
  ) {}

  read(): Config {
    const text = this.folder.readConfig();
    if (text === undefined)
      throw new Failure(
        `there is no configuration in ${this.folder.path} yet: \`kith up\` makes one`,
      );
    return this.parsed(text);
  }

  /** The same with an identity and a first configuration made where they are missing. */
  readOrMake(): { config: Config; made: boolean } {
    wipe(loadSeed(this.folder, this.random));
    if (this.folder.readConfig() !== undefined) return { config: this.read(), made: false };
    const identity = loadIdentity(this.folder, this.random);
    identity.wipe();
    const first = {
      version: CONFIG_VERSION,
      name: safeName(hostname(), 'node'),
      listen: { port: 51820 },
      interface: {
        name: 'kith0',
        mtu: 1420,
        addresses: firstAddresses(identity.nodeKey, localPrefixes()),
      },
      peers: [],
    };
    const config = this.checked(checkConfig(first));
    this.folder.writeConfig(configText(config, first));
    return { config, made: true };
  }

  check(change: (config: Config) => Config): Config {
    const text = this.folder.readConfig();
    const config = text === undefined ? this.unmade() : this.parsed(text);
    return this.checked(checkConfig(change(config)), 'nothing was changed:');
  }

  /** One change after the other, whoever asks. */
  update(change: (config: Config) => Config, keys: readonly KeyFile[] = []): Promise<Outcome> {
    const done = this.queue.then(() => this.change(change, keys));
    this.queue = done.catch(() => {});
    return done;
  }

  previous(): Config | undefined {
    const text = this.folder.readLast();
    return text === undefined ? undefined : this.checked(parseConfig(text), LAST_WRONG);
  }

  publicKey(): string {
    const { privateKeyFile } = this.read();
    if (privateKeyFile === null) {
      const identity = loadIdentity(this.folder, this.random);
      identity.wipe();
      return encodeKey(identity.publicKey);
    }
    const key = this.folder.readKey(privateKeyFile);
    try {
      return encodeKey(publicKeyOf(key));
    } finally {
      wipe(key);
    }
  }

  private async change(
    change: (config: Config) => Config,
    keys: readonly KeyFile[],
  ): Promise<Outcome> {
    for (let tries = 1; tries <= TRIES_MAX; tries++) {
      if (this.folder.readConfig() === undefined) this.readOrMake();
      const text = this.folder.readConfig() ?? '';
      const before = this.parsed(text);
      const after = this.checked(checkConfig(change(before)), 'nothing was changed:');
      let restart: readonly string[] = [];
      try {
        for (const { name, key } of keys) this.folder.writeKey(name, key);
        restart = (await this.live?.apply(after)) ?? [];
        // Somebody may have edited the file meanwhile, with an editor or another command.
        if (this.folder.readConfig() !== text) continue;
        const next = configText(after, JSON.parse(text));
        if (after.name !== before.name) this.onName?.(after.name);
        if (next !== text) {
          keepOlder(this.folder, text);
          this.folder.writeLast(text);
          this.folder.writeConfig(next);
        }
        this.last = { text: next, config: after };
      } catch (error) {
        await this.live?.apply(before);
        this.dropKeys(after, before);
        throw error;
      }
      this.dropKeys(before, after);
      return { config: after, restart };
    }
    throw new Failure(`${this.folder.configPath} is being changed by someone else: try again`);
  }

  /** Preshared keys that no peer has any more; files outside the state folder are not ours. */
  private dropKeys(before: Config, after: Config): void {
    const kept = new Set(after.peers.map((peer) => peer.presharedKeyFile));
    for (const { presharedKeyFile: name } of before.peers)
      if (name !== null && !kept.has(name) && /^[a-z0-9-]+\.psk$/.test(name))
        this.folder.remove(name);
  }

  /** A file that is as it was is not checked again: with 130,000 allowed IPs that takes seconds. */
  private parsed(text: string): Config {
    if (this.last?.text !== text) this.last = { text, config: this.checked(parseConfig(text)) };
    return this.last.config;
  }

  private checked(result: Checked, heading = `${this.folder.configPath} is not right:`): Config {
    if ('config' in result) return result.config;
    throw new Failure(heading, result.problems);
  }

  private unmade(): Config {
    return this.checked(checkConfig({ version: CONFIG_VERSION, name: 'node' }));
  }
}

/** This run's configuration: `--set path=value` laid over what is written. Throws Failure. */
export function overlay(config: Config, settings: readonly string[]): Config {
  let result = config;
  for (const setting of settings) {
    const at = setting.indexOf('=');
    if (at < 1) throw new Failure(`--set ${setting}: write it as path=value`);
    const changed = withValueAt(result, setting.slice(0, at), setting.slice(at + 1));
    if ('problems' in changed)
      throw new Failure(`--set ${setting} is not right:`, changed.problems);
    result = changed.config;
  }
  return result;
}

/** The node's keys, made at the first time. The caller wipes them. */
export function loadIdentity(folder: Folder, random: (bytes: number) => Uint8Array): Identity {
  const seed = loadSeed(folder, random);
  const identity = new Identity(seed);
  wipe(seed);
  return identity;
}

function loadSeed(folder: Folder, random: (bytes: number) => Uint8Array): Uint8Array {
  const there = folder.readSeed();
  if (there) return there;
  const seed = random(SEED_BYTES);
  folder.writeSeed(seed);
  return seed;
}
