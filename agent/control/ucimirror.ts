// kith.json and OpenWrt's /etc/config/kith, kept alike. What was changed in UCI since they last
// were is taken over at the start and on a reload; whatever changes kith.json is written to UCI.
// `uci.json` in the state folder holds what they last agreed on, so that a setting that was taken
// away in LuCI is told from one that UCI has never heard of.

import { type RunProgram, runProgram } from '../../board/program.js';
import type { UciSection } from '../../board/step.js';
import { readUci, writeUci } from '../../board/uci.js';
import { Failure, failureLines } from '../commands/failure.js';
import { CONFIG_VERSION, type Config } from '../config/schema.js';
import { isSame, isUciSetting, type UciSettings, uciSettings, withUci } from '../config/uci.js';
import { checkConfig } from '../config/validate.js';
import type { Folder } from './folder.js';
import type { FileStore } from './store.js';

const AGREED_FILE = 'uci.json';
const AGREED_BYTES_MAX = 256 * 1024;

export class UciMirror {
  constructor(
    private readonly folder: Folder,
    private readonly log: (level: 'error' | 'info' | 'verbose', line: string) => void,
    private readonly run: RunProgram = runProgram,
  ) {}

  /**
   * What was changed in UCI becomes kith.json's; if it is wrong, all problems are logged and
   * nothing is changed. Then UCI is written to say what kith.json says. Never rejects.
   */
  async meet(store: FileStore): Promise<void> {
    try {
      const there = await this.read();
      if (there === undefined) return;
      const agreed = this.agreed();
      const defaults = defaultsOf(store.read().name);
      const { changed } = withUci(store.read(), agreed, there, defaults);
      if (changed.length > 0) {
        await store.update((config) => withUci(config, agreed, there, defaults).config);
        this.log('info', `taken over from UCI: ${changed.join(', ')}`);
      }
      await this.write(store.read(), there);
    } catch (error) {
      if (!(error instanceof Failure)) return this.log('error', `UCI: ${String(error)}`);
      for (const line of failureLines(error)) this.log('error', `/etc/config/kith: ${line}`);
    }
  }

  /** kith.json has changed. Never rejects. */
  async follow(config: Config): Promise<void> {
    try {
      const there = await this.read();
      if (there !== undefined) await this.write(config, there);
    } catch (error) {
      this.log('error', `UCI: ${String(error)}`);
    }
  }

  /** Undefined where `uci` does not work: then all is left as it is. */
  private async read(): Promise<UciSettings | undefined> {
    const { code, stdout } = await this.run(['uci', '-q', 'show', 'kith']);
    if (code !== 0) return undefined;
    const settings: Record<string, string | readonly string[]> = {};
    for (const [section, options] of readUci(stdout))
      for (const [option, value] of options)
        if (isUciSetting(`${section}.${option}`)) settings[`${section}.${option}`] = value;
    return settings;
  }

  private async write(config: Config, there: UciSettings): Promise<void> {
    const wanted = uciSettings(config, defaultsOf(config.name));
    for (const section of difference(there, wanted)) {
      const failed = await writeUci(section, this.run);
      if (failed !== undefined) return this.log('error', failed);
    }
    const text = JSON.stringify(wanted);
    if (JSON.stringify(this.agreed()) !== text)
      this.folder.writeBytes(AGREED_FILE, Buffer.from(text));
  }

  private agreed(): UciSettings {
    const bytes = this.folder.readBytes(AGREED_FILE, AGREED_BYTES_MAX);
    if (bytes === undefined) return {};
    try {
      const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
      return typeof value === 'object' && value !== null ? (value as UciSettings) : {};
    } catch {
      return {};
    }
  }
}

/** Sections with the options that are to be set, and '' or [] for those that go. */
function difference(there: UciSettings, wanted: UciSettings): UciSection[] {
  const sections = new Map<string, Record<string, string | readonly string[]>>();
  for (const key of new Set([...Object.keys(there), ...Object.keys(wanted)])) {
    if (isSame(there[key], wanted[key])) continue;
    const [section = '', option = ''] = key.split('.');
    const options = sections.get(section) ?? {};
    sections.set(section, { ...options, [option]: wanted[key] ?? '' });
  }
  return Array.from(sections, ([name, options]) => ({
    path: `kith.${name}`,
    type: name,
    options,
  }));
}

function defaultsOf(name: string): Config {
  const checked = checkConfig({ version: CONFIG_VERSION, name });
  if ('config' in checked) return checked.config;
  throw new RangeError(`"name" is not one: ${name}`);
}
