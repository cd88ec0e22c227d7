// The system calls by which releases are laid down and switched. One by one, so that a test can cut
// the power after each of them.

import * as fs from 'node:fs';

const { O_CREAT, O_EXCL, O_WRONLY, O_RDONLY, O_NOFOLLOW, O_DIRECTORY } = fs.constants;

export type Disk = Readonly<{
  makeFolder(path: string): void; // its parent is there
  create(path: string, mode: number): number; // to be written; it was not there
  append(file: number, bytes: Uint8Array): void;
  flush(file: number): void; // on the disk when this returns
  close(file: number): void;
  link(target: string, path: string): void; // symbolic
  rename(from: string, to: string): void; // atomic, in place of what was there
  remove(path: string): void; // with all in it; may be missing
  flushFolder(path: string): void; // names in it are on the disk when this returns
}>;

export const realDisk: Disk = {
  makeFolder: (path) => fs.mkdirSync(path, { mode: 0o755 }),
  create: (path, mode) => fs.openSync(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, mode),
  append(file, bytes) {
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(file, bytes, at);
  },
  flush: (file) => fs.fsyncSync(file),
  close: (file) => fs.closeSync(file),
  link: (target, path) => fs.symlinkSync(target, path),
  rename: (from, to) => fs.renameSync(from, to),
  remove: (path) => fs.rmSync(path, { recursive: true, force: true }),
  flushFolder(path) {
    const folder = fs.openSync(path, O_RDONLY | O_DIRECTORY);
    try {
      fs.fsyncSync(folder);
    } finally {
      fs.closeSync(folder);
    }
  },
};

/** A small file, whole or as it was before, whenever the power fails. */
export function writeWhole(disk: Disk, folder: string, name: string, content: Uint8Array): void {
  const temporary = `${folder}/.${name}.new`;
  disk.remove(temporary);
  const file = disk.create(temporary, 0o644);
  try {
    disk.append(file, content);
    disk.flush(file);
  } finally {
    disk.close(file);
  }
  disk.rename(temporary, `${folder}/${name}`);
  disk.flushFolder(folder);
}

/** A symbolic link, pointing to the one or the other, whenever the power fails. */
export function pointLink(disk: Disk, folder: string, name: string, target: string): void {
  const temporary = `${folder}/.${name}.new`;
  disk.remove(temporary);
  disk.link(target, temporary);
  disk.rename(temporary, `${folder}/${name}`);
  disk.flushFolder(folder);
}
