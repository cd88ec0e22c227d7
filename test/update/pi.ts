// A Raspberry Pi as partitions.ts knows it: a card of files, and a firmware that reads autoboot.txt
// as the real one does. A start runs whatever release lies on the root partition it chose.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { autobootText, bootPartition } from '../../agent/update/autoboot.js';
import { overwrite } from '../../agent/update/bootmachine.js';
import type { Disk } from '../../agent/update/disk.js';
import { type BootMachine, Partitions } from '../../agent/update/partitions.js';
import { packTree, scratch } from './release.js';

const BOOT_BYTES = 8_192;
const ROOT_BYTES = 65_536;
const TARGET = 'pi-arm64';

export class Pi {
  readonly folder = scratch();
  partition = 2;
  tryboot = false;
  confirmed = false;
  private asked: string | undefined; // of the firmware, by the last reboot

  constructor(first = '0.1.0') {
    mkdirSync(this.data);
    writeFileSync(this.autoboot, autobootText({ all: 2, tryboot: 3 }));
    for (const number of [2, 3]) writeFileSync(this.device(number), Buffer.alloc(BOOT_BYTES));
    for (const number of [5, 6]) writeFileSync(this.device(number), Buffer.alloc(ROOT_BYTES));
    writeFileSync(this.device(5), this.rootImage(first));
    writeFileSync(this.device(2), this.bootImage(first));
  }

  get data(): string {
    return join(this.folder, 'data');
  }

  get autoboot(): string {
    return join(this.folder, 'autoboot.txt');
  }

  device(number: number): string {
    return join(this.folder, `p${number}`);
  }

  /** Power on: the firmware reads one sector, starts a boot partition, and forgets its order. */
  boot(): string {
    this.tryboot = this.asked === '0 tryboot';
    this.asked = undefined;
    this.confirmed = false;
    const sector = readFileSync(this.autoboot, 'latin1').slice(0, 512);
    const partition = bootPartition(sector, this.tryboot);
    assert.ok(partition === 2 || partition === 3, sector);
    this.partition = partition;
    const version = this.versionOn(partition + 3);
    assert.is(this.versionOn(partition, 'boot'), version, 'kernel and root are of one release');
    return version;
  }

  agent(disk?: Disk, cut?: () => void): Partitions {
    const releaseFile = join(this.folder, 'release.json');
    const version = this.versionOn(this.partition + 3);
    writeFileSync(releaseFile, JSON.stringify({ name: 'kith', version, target: TARGET }));
    const { data: dataFolder } = this;
    return new Partitions({
      machine: this.machine(cut),
      releaseFile,
      dataFolder,
      ...(disk && { disk }),
    });
  }

  archive(version: string, options: Readonly<{ only?: string; target?: string }> = {}): string {
    const tree = join(this.folder, `tree-${version}`);
    mkdirSync(tree, { recursive: true });
    const { only, target = TARGET } = options;
    const release = { name: 'kith', version, target };
    // The order of the archive; the real tar sorts by name, so names are given one by one.
    writeFileSync(join(tree, 'a'), JSON.stringify(release));
    writeFileSync(join(tree, 'b'), this.bootImage(version));
    if (only !== 'boot') writeFileSync(join(tree, 'c'), this.rootImage(version));
    const archive = join(this.folder, `${version}.tar.gz`);
    packTree(tree, archive, { a: 'release.json', b: 'boot.img', c: 'root.img' });
    return archive;
  }

  private machine(cut?: () => void): BootMachine {
    return {
      booted: () => ({ partition: this.partition, tryboot: this.tryboot }),
      pair: (boot) => ({
        boot: this.device(boot),
        root: this.device(boot + 3),
        bootBytes: BOOT_BYTES,
        rootBytes: ROOT_BYTES,
      }),
      readAutoboot: () => readFileSync(this.autoboot, 'latin1'),
      writeAutoboot: (text) => {
        cut?.();
        overwrite(this.autoboot, text);
      },
      reboot: async (argument) => {
        this.asked = argument;
      },
      markConfirmed: () => {
        this.confirmed = true;
      },
    };
  }

  private versionOn(number: number, kind = 'root'): string {
    const text = readFileSync(this.device(number), 'latin1');
    const [, version = `nothing on p${number}`] =
      new RegExp(`^${kind} ([0-9.]+)\n`).exec(text) ?? [];
    assert.ok(text.includes(`end of ${kind} ${version}`), `p${number} is half ${version}`);
    return version;
  }

  private bootImage(version: string): string {
    return `boot ${version}\n${'b'.repeat(3_000)}end of boot ${version}\n`;
  }

  private rootImage(version: string): string {
    return `root ${version}\n${'r'.repeat(50_000)}end of root ${version}\n`;
  }
}
