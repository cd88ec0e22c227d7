// A disk whose power fails after a number of writes. What was not flushed by then is lost: files
// lose their content, and names go back to what they were.

import { existsSync, lstatSync, mkdirSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Disk, realDisk } from '../../agent/update/disk.js';

export class PowerCut extends Error {}

type Undo = Readonly<{ folder: string; undo: () => void }>;

export class CutDisk implements Disk {
  writes = 0;
  private readonly files = new Map<number, string>(); // open, by number
  private readonly unflushed = new Set<string>(); // content
  private undos: Undo[] = []; // names
  private backups = 0;

  /** `attic` is a folder beside, for what may have to come back. */
  constructor(
    private readonly cutAt: number,
    private readonly attic: string,
  ) {
    mkdirSync(attic, { recursive: true });
  }

  /** What the machine finds when the power is back. */
  lose(): void {
    for (const path of this.unflushed) if (existsSync(path)) truncateSync(path, 0);
    for (const { undo } of this.undos.reverse()) undo();
    this.undos = [];
  }

  makeFolder = (path: string) => {
    this.step();
    realDisk.makeFolder(path);
    this.named(path, () => rmSync(path, { recursive: true, force: true }));
  };

  create = (path: string, mode: number) => {
    this.step();
    const file = realDisk.create(path, mode);
    this.files.set(file, path);
    this.named(path, () => rmSync(path, { force: true }));
    return file;
  };

  append = (file: number, bytes: Uint8Array) => {
    this.step();
    const path = this.files.get(file) ?? '';
    this.unflushed.add(path);
    realDisk.append(file, bytes);
  };

  flush = (file: number) => {
    this.step();
    realDisk.flush(file);
    this.unflushed.delete(this.files.get(file) ?? '');
  };

  close = (file: number) => realDisk.close(file); // no write

  link = (target: string, path: string) => {
    this.step();
    realDisk.link(target, path);
    this.named(path, () => rmSync(path, { force: true }));
  };

  rename = (from: string, to: string) => {
    this.step();
    const backup = this.store(to);
    renameSync(from, to);
    for (const path of [...this.unflushed])
      if (path === from) {
        this.unflushed.delete(path);
        this.unflushed.add(to);
      }
    this.named(to, () => {
      renameSync(to, from);
      if (backup !== undefined) renameSync(backup, to);
    });
  };

  remove = (path: string) => {
    this.step();
    const backup = this.store(path);
    if (backup !== undefined) this.named(path, () => renameSync(backup, path));
  };

  flushFolder = (path: string) => {
    this.step();
    realDisk.flushFolder(path);
    this.undos = this.undos.filter(({ folder }) => folder !== path);
  };

  private step(): void {
    if (++this.writes >= this.cutAt) throw new PowerCut();
  }

  private named(path: string, undo: () => void): void {
    this.undos.push({ folder: dirname(path), undo });
  }

  /** Moves what is there aside. */
  private store(path: string): string | undefined {
    try {
      lstatSync(path);
    } catch {
      return undefined;
    }
    const backup = join(this.attic, String(this.backups++));
    renameSync(path, backup);
    return backup;
  }
}
