// A disk whose power fails after a number of writes. What was not flushed by then is lost: files
// lose their content, and names go back to what they were.

import { existsSync, lstatSync, mkdirSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Disk, realDisk } from '../../agent/update/disk.js';

export class PowerCut extends Error {}

/** `contents`: no names are lost; `inside`: those in the topmost folder are not. */
export type Loss = 'nothing' | 'contents' | 'inside' | 'all';
export const LOSSES: readonly Loss[] = ['contents', 'all', 'inside', 'nothing'];

/** Of a name: where it is now, for its folder may be renamed, and how it is undone there. */
type Undo = { path: string; undo: (path: string) => void };

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
    private readonly root: string,
  ) {
    mkdirSync(attic, { recursive: true });
  }

  /**
   * What the machine finds when the power is back: of what was not flushed, a file system may keep
   * or lose the one and not the other.
   */
  lose(loss: Loss): void {
    if (loss === 'nothing') return;
    for (const path of this.unflushed) if (existsSync(path)) truncateSync(path, 0);
    for (let last = this.undos.pop(); last; last = this.undos.pop())
      if (loss === 'all' || (loss === 'inside' && dirname(last.path) !== this.root))
        last.undo(last.path);
  }

  makeFolder = (path: string) => {
    this.step();
    realDisk.makeFolder(path);
    this.named(path, (now) => rmSync(now, { recursive: true, force: true }));
  };

  create = (path: string, mode: number) => {
    this.step();
    const file = realDisk.create(path, mode);
    this.files.set(file, path);
    this.named(path, (now) => rmSync(now, { force: true }));
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
    this.named(path, (now) => rmSync(now, { force: true }));
  };

  rename = (from: string, to: string) => {
    this.step();
    const backup = this.store(to);
    renameSync(from, to);
    this.move(from, to);
    this.named(to, () => {
      renameSync(to, from);
      this.move(to, from);
      if (backup !== undefined) renameSync(backup, to);
    });
  };

  remove = (path: string) => {
    this.step();
    const backup = this.store(path);
    if (backup !== undefined) this.named(path, (now) => renameSync(backup, now));
  };

  flushFolder = (path: string) => {
    this.step();
    realDisk.flushFolder(path);
    this.undos = this.undos.filter((one) => dirname(one.path) !== path);
  };

  private step(): void {
    if (++this.writes >= this.cutAt) throw new PowerCut();
  }

  private named(path: string, undo: Undo['undo']): void {
    this.undos.push({ path, undo });
  }

  /** What was not flushed yet lies elsewhere now, with the folder that it is in. */
  private move(from: string, to: string): void {
    const moved = (path: string) =>
      path === from || path.startsWith(`${from}/`) ? to + path.slice(from.length) : path;
    for (const path of [...this.unflushed])
      if (moved(path) !== path) {
        this.unflushed.delete(path);
        this.unflushed.add(moved(path));
      }
    for (const one of this.undos) one.path = moved(one.path);
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
