// Releases as pairs of partitions (boot and root) on the Raspberry Pi image. The firmware does the
// trial: told to "tryboot", it starts the other pair once, and any reset brings this one back.
//
//   p1 autoboot.txt   p2 + p5 pair A   p3 + p6 pair B   p7 data
//
// An image is an archive with release.json, boot.img and root.img, which are written to the pair
// that does not run.

import { closeSync, fsyncSync, openSync, readFileSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Autoboot, exchanged, readAutoboot } from './autoboot.js';
import { type Disk, realDisk, writeWhole } from './disk.js';
import { parseRelease, readReleaseFile } from './releasefile.js';
import { type Installed, type Needs, SlotFailure, type Slots, type Start } from './slots.js';
import type { TarEntry, TarTaker } from './tar.js';
import { readArchive } from './unpack.js';

/** The other pair's partitions, and how many bytes they have. */
export type Pair = Readonly<{ boot: string; root: string; bootBytes: number; rootBytes: number }>;

/** The machine, as far as it is not files. */
export type BootMachine = Readonly<{
  /** The boot partition of this start, and whether it was tried once. */
  booted(): Readonly<{ partition: number; tryboot: boolean }>;
  /** The pair with this boot partition. */
  pair(bootPartition: number): Pair;
  /** The text of autoboot.txt. */
  readAutoboot(): string;
  /** Writes a text of the same length over it, and has it on the card. */
  writeAutoboot(text: string): void;
  /** Ends the system; `argument` is for the firmware. Rejects with SlotFailure. */
  reboot(argument: string): Promise<void>;
  /** The running pair is confirmed: the launcher's watch ends. */
  markConfirmed(): void;
}>;

export type PartitionsOptions = Readonly<{
  machine: BootMachine;
  releaseFile: string; // of the running image
  dataFolder: string; // shared by both pairs
  disk?: Disk;
}>;

const RECORD = 'trial'; // "0.2.0 300 member", on the data partition, while one is tried
const RELEASE_BYTES_MAX = 4_096;
const TRYBOOT = '0 tryboot';

export class Partitions implements Slots {
  readonly installed: Installed;
  readonly start: Start;
  private readonly disk: Disk;
  private armed = false;

  /** Throws SlotFailure. */
  constructor(private readonly options: PartitionsOptions) {
    this.disk = options.disk ?? realDisk;
    const installed = readReleaseFile(options.releaseFile);
    if (!installed) throw new SlotFailure(`${options.releaseFile} is missing or damaged`);
    this.installed = installed;
    this.start = this.readStart();
  }

  /** Which release lies on the other pair is written down when it is laid there, or left. */
  get previous(): string | undefined {
    const other = read(join(this.options.dataFolder, 'other'));
    const version = other === undefined ? undefined : parseRelease(other)?.version;
    return version === this.installed.version ? undefined : version;
  }

  get downloadFolder(): string {
    return join(this.options.dataFolder, 'download');
  }

  room() {
    const { bavail, bsize } = statfsSync(this.options.dataFolder);
    const { bootBytes, rootBytes } = this.otherPair();
    return { download: bavail * bsize, release: bootBytes + rootBytes, shared: false };
  }

  async install(version: string, archive: AsyncIterable<Uint8Array>, max: number): Promise<void> {
    const { disk, options, installed } = this;
    const images = new Images(this.otherPair(), version, installed.target);
    disk.remove(join(options.dataFolder, 'other')); // from now on it is neither
    try {
      await readArchive(archive, images, max);
      images.finish();
    } finally {
      images.close();
    }
    this.writeOther({ version, target: installed.target });
  }

  arm(version: string, seconds: number, needs: Needs): void {
    if (this.previous !== version)
      throw new SlotFailure(`release ${version} does not lie on the other partitions`);
    const { all, tryboot } = this.autoboot();
    if (all !== this.options.machine.booted().partition || tryboot === all)
      throw new SlotFailure('autoboot.txt does not name the running partition: restart first');
    const record = Buffer.from(`${version} ${seconds} ${needs}\n`);
    writeWhole(this.disk, this.options.dataFolder, RECORD, record);
    this.armed = true;
  }

  restart(): Promise<void> {
    return this.options.machine.reboot(this.armed ? TRYBOOT : '');
  }

  /** The two numbers change places; a power cut leaves the sector as it was or as it will be. */
  keep(): void {
    const { machine, dataFolder } = this.options;
    const { all, tryboot } = this.autoboot();
    const { partition } = machine.booted();
    if (partition !== all && partition !== tryboot)
      throw new SlotFailure(`autoboot.txt knows no partition ${partition}`);
    if (partition === tryboot) {
      const text = exchanged(machine.readAutoboot());
      if (text === undefined) throw new SlotFailure('autoboot.txt is written in an unusual way');
      machine.writeAutoboot(text);
    }
    machine.markConfirmed();
    const before = read(join(dataFolder, 'before'));
    const release = before === undefined ? undefined : parseRelease(before);
    if (release) this.writeOther(release);
    this.disk.remove(join(dataFolder, RECORD));
  }

  giveUp(): void {
    this.armed = false; // a plain reset is all it takes
  }

  settle(): void {
    const { dataFolder } = this.options;
    this.disk.remove(join(dataFolder, RECORD));
    this.writeRelease('before', this.installed);
  }

  private readStart(): Start {
    const { tryboot } = this.options.machine.booted();
    const words = (read(join(this.options.dataFolder, RECORD)) ?? '').split(/\s+/);
    const [version = '', seconds, needs] = words;
    if (version === '') return { is: 'normal' };
    if (version === this.installed.version && tryboot) {
      const given = Number(seconds);
      const usable = Number.isInteger(given) && given > 0 && given <= 86_400;
      const who = needs === 'peer' || needs === 'nobody' ? needs : 'member';
      return { is: 'trial', seconds: usable ? given : 300, needs: who };
    }
    if (version === this.installed.version) return { is: 'normal' }; // confirmed, then a power cut
    const reason = 'the system was reset before it was confirmed';
    return { is: 'returned', version, reason, tried: true };
  }

  private autoboot(): Autoboot {
    const found = readAutoboot(this.options.machine.readAutoboot());
    if (found) return found;
    throw new SlotFailure('autoboot.txt does not name two boot partitions');
  }

  private otherPair(): Pair {
    const { all, tryboot } = this.autoboot();
    const { partition } = this.options.machine.booted();
    return this.options.machine.pair(partition === all ? tryboot : all);
  }

  private writeOther(release: Installed): void {
    this.writeRelease('other', release);
  }

  private writeRelease(name: string, { version, target }: Installed): void {
    const { dataFolder } = this.options;
    const text = JSON.stringify({ name: 'kith', version, target });
    if (read(join(dataFolder, name)) !== text)
      writeWhole(this.disk, dataFolder, name, Buffer.from(text));
  }
}

/** Writes the two images of an archive to the partitions as they come. */
class Images implements TarTaker {
  private readonly release: Uint8Array[] = [];
  private entry: TarEntry | undefined;
  private file: number | undefined;
  private readonly done = new Set<string>();

  constructor(
    private readonly pair: Pair,
    private readonly version: string,
    private readonly target: string,
  ) {}

  begin(entry: TarEntry): void {
    this.entry = entry;
    if (entry.type !== 'file') return;
    const { boot, root, bootBytes, rootBytes } = this.pair;
    if (entry.name === 'boot.img') this.open(boot, entry.size, bootBytes);
    else if (entry.name === 'root.img') this.open(root, entry.size, rootBytes);
    else if (entry.name === 'release.json' && entry.size > RELEASE_BYTES_MAX)
      throw new SlotFailure('release.json is too large');
  }

  data(bytes: Uint8Array): void {
    if (this.entry?.name === 'release.json') this.release.push(Uint8Array.from(bytes));
    if (this.file === undefined) return;
    for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at);
  }

  end(): void {
    if (this.entry?.name === 'release.json') this.checkRelease();
    if (this.file !== undefined) fsyncSync(this.file);
    this.close();
    this.done.add(this.entry?.name ?? '');
  }

  finish(): void {
    for (const name of ['release.json', 'boot.img', 'root.img'])
      if (!this.done.has(name)) throw new SlotFailure(`the archive has no ${name}`);
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  private open(device: string, size: number, room: number): void {
    if (!this.done.has('release.json'))
      throw new SlotFailure('the archive must begin with release.json');
    if (size > room) throw new SlotFailure(`${device} has ${room} bytes, the image needs ${size}`);
    this.file = openSync(device, 'r+');
  }

  private checkRelease(): void {
    const found = parseRelease(Buffer.concat(this.release).toString('utf8'));
    if (found?.version !== this.version || found.target !== this.target)
      throw new SlotFailure(`the archive does not hold release ${this.version} for ${this.target}`);
  }
}

function read(path: string): string | undefined {
  try {
    const bytes = readFileSync(path);
    return bytes.length > RELEASE_BYTES_MAX ? undefined : bytes.toString('utf8');
  } catch {
    return undefined;
  }
}
