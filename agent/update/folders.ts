// Releases as folders side by side, on OpenWrt and Debian:
//
//   ROOT/launch               starts what `current` points at (launch.sh)
//   ROOT/current -> releases/0.2.0      ROOT/previous -> releases/0.1.0
//   ROOT/trial                "0.2.0 300 member": version, seconds it has, who must reach us
//   ROOT/starts               "0.2.0 2": starts of the trial so far, or "late"; the launcher's
//
// The order of writes is what makes a power cut harmless: `trial` is on the disk before `current`
// points at the new release, and goes only when `current` is right again.

import { lstatSync, readdirSync, readFileSync, readlinkSync, statfsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Disk, pointLink, realDisk, writeWhole } from './disk.js';
import { readReleaseFile } from './releasefile.js';
import { type Installed, type Needs, SlotFailure, type Slots, type Start } from './slots.js';
import { unpack } from './unpack.js';
import { isVersion } from './version.js';

const SMALL_FILE_BYTES_MAX = 256;
const TRIAL_SECONDS_MAX = 86_400;

export type FoldersOptions = Readonly<{
  root: string;
  running: string; // the version that the launcher started
  end: () => void; // this process, so that the launcher is started anew
  disk?: Disk; // a test has its own
}>;

export class Folders implements Slots {
  readonly installed: Installed;
  readonly start: Start;
  private readonly disk: Disk;

  /** Throws SlotFailure where the running release is not what it should be. */
  constructor(private readonly options: FoldersOptions) {
    this.disk = options.disk ?? realDisk;
    const { running } = options;
    const path = this.path('releases', running, 'release.json');
    const installed = isVersion(running) ? readReleaseFile(path) : undefined;
    if (installed?.version !== running)
      throw new SlotFailure(`${path} is missing or damaged: install kith again`);
    this.installed = installed;
    this.start = this.readStart();
  }

  get previous(): string | undefined {
    const version = this.pointed('previous');
    return version === this.installed.version ? undefined : version;
  }

  get downloadFolder(): string {
    return this.path('download');
  }

  room() {
    const { bavail, bsize } = statfsSync(this.options.root);
    const free = bavail * bsize;
    return { download: free, release: free, shared: true };
  }

  async install(
    version: string,
    archive: AsyncIterable<Uint8Array>,
    bytesMax: number,
  ): Promise<void> {
    const { disk } = this;
    const releases = this.path('releases');
    const temporary = join(releases, `.${version}.new`);
    const place = join(releases, version);
    if (version === this.installed.version) throw new SlotFailure(`${version} is running`);
    this.tidy([version]);
    disk.remove(temporary);
    disk.remove(place);
    try {
      await unpack(archive, temporary, bytesMax, disk);
      this.checkRelease(temporary, version);
      disk.rename(temporary, place);
      disk.flushFolder(releases);
    } catch (error) {
      disk.remove(temporary);
      throw error;
    }
  }

  arm(version: string, seconds: number, needs: Needs): void {
    const { disk, options, installed } = this;
    const { root } = options;
    this.checkRelease(this.path('releases', version), version);
    pointLink(disk, root, 'previous', `releases/${installed.version}`);
    disk.remove(this.path('starts'));
    writeWhole(disk, root, 'trial', Buffer.from(`${version} ${seconds} ${needs}\n`));
    pointLink(disk, root, 'current', `releases/${version}`);
  }

  async restart(): Promise<void> {
    this.options.end();
  }

  keep(): void {
    this.clearTrial();
    this.renewLauncher();
    this.tidy([]);
  }

  giveUp(): void {
    const late = Buffer.from(`${this.installed.version} late\n`);
    writeWhole(this.disk, this.options.root, 'starts', late);
  }

  settle(): void {
    const { root } = this.options;
    const { version } = this.installed;
    if (this.start.is === 'trial') throw new RangeError('this start is a trial');
    if (this.pointed('current') !== version)
      pointLink(this.disk, root, 'current', `releases/${version}`);
    this.clearTrial();
    if (this.start.is === 'returned' && this.start.tried) this.dropRelease(this.start.version);
    this.tidy([]);
  }

  private readStart(): Start {
    const [version, seconds, needs] = this.words('trial');
    if (version === undefined || !isVersion(version)) return { is: 'normal' };
    const given = Number(seconds);
    if (version === this.installed.version) {
      const usable = Number.isInteger(given) && given > 0 && given <= TRIAL_SECONDS_MAX;
      return { is: 'trial', seconds: usable ? given : 300, needs: needsOf(needs) };
    }
    const [counted, count] = this.words('starts');
    if (counted !== version) {
      const reason = 'the power failed during the switch to it';
      return { is: 'returned', version, reason, tried: false };
    }
    const reason =
      count === 'late'
        ? 'it was not confirmed in time'
        : `it ended or failed to start ${count} times`;
    return { is: 'returned', version, reason, tried: true };
  }

  private clearTrial(): void {
    this.disk.remove(this.path('trial'));
    this.disk.flushFolder(this.options.root);
    this.disk.remove(this.path('starts'));
  }

  /** The running release brings its launcher along; it is taken now that it has proved well. */
  private renewLauncher(): void {
    const own = this.path('releases', this.installed.version, 'launch');
    const [is, was] = [own, this.path('launch')].map(read);
    if (is === undefined || was === undefined || is.equals(was)) return;
    const { disk } = this;
    const temporary = this.path('.launch.new');
    disk.remove(temporary);
    const file = disk.create(temporary, 0o755);
    disk.append(file, is);
    disk.flush(file);
    disk.close(file);
    disk.rename(temporary, this.path('launch'));
    disk.flushFolder(this.options.root);
  }

  /** At most two releases stay: the running one and the one before it, or the one to come. */
  private tidy(also: readonly string[]): void {
    const { version } = this.installed;
    const room = also.length > 0 ? [] : [this.pointed('previous')];
    const kept = new Set([version, ...also, ...room]);
    for (const name of list(this.path('releases'))) if (!kept.has(name)) this.dropRelease(name);
  }

  private dropRelease(name: string): void {
    if (name !== this.installed.version && name !== '')
      this.disk.remove(this.path('releases', name));
  }

  private checkRelease(folder: string, version: string): void {
    const found = readReleaseFile(join(folder, 'release.json'));
    if (found?.version !== version)
      throw new SlotFailure(`the archive does not hold release ${version}`);
    if (found.target !== this.installed.target)
      throw new SlotFailure(`the archive is for ${found.target}, not ${this.installed.target}`);
    if (!isProgram(join(folder, 'bin', 'kith')))
      throw new SlotFailure('the archive has no program bin/kith');
  }

  private pointed(link: string): string | undefined {
    try {
      const version = basename(readlinkSync(this.path(link)));
      return isProgram(this.path('releases', version, 'bin', 'kith')) ? version : undefined;
    } catch {
      return undefined;
    }
  }

  private words(name: string): string[] {
    const text = read(this.path(name))?.toString('latin1') ?? '';
    return text.length > SMALL_FILE_BYTES_MAX
      ? []
      : text.split(/\s+/).filter((word) => word !== '');
  }

  private path(...parts: string[]): string {
    return join(this.options.root, ...parts);
  }
}

function needsOf(word: string | undefined): Needs {
  return word === 'peer' || word === 'nobody' ? word : 'member';
}

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** A file or a link; that it leads somewhere was seen when it was unpacked. */
function isProgram(path: string): boolean {
  try {
    const status = lstatSync(path);
    return status.isSymbolicLink() || (status.isFile() && (status.mode & 0o100) !== 0);
  } catch {
    return false;
  }
}
