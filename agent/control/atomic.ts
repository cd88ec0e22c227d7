// Writing a file so that a reader, and a machine whose power fails, finds the old one or the new
// one whole: temporary in the same folder, fsync, rename, fsync of the folder.

import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The system calls that are used; a test makes each of them fail. */
export type Files = Readonly<{
  open(path: string, flags: number, mode: number): number;
  write(file: number, bytes: Uint8Array): number;
  fsync(file: number): void;
  close(file: number): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
  list(folder: string): string[];
}>;

export const realFiles: Files = {
  open: openSync,
  write: (file, bytes) => writeSync(file, bytes),
  fsync: fsyncSync,
  close: closeSync,
  rename: renameSync,
  remove: (path) => rmSync(path, { force: true }),
  list: (folder) => readdirSync(folder),
};

const { O_CREAT, O_EXCL, O_WRONLY, O_RDONLY, O_NOFOLLOW, O_DIRECTORY } = constants;

/** Only the owner may read what is written. Throws what the failing system call throws. */
export function writeAtomically(path: string, content: Uint8Array, files = realFiles): void {
  const folder = dirname(path);
  removeLeftovers(path, files);
  const temporary = join(folder, `.${basename(path)}.${process.pid}.new`);
  try {
    const file = files.open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
    try {
      for (let at = 0; at < content.length; ) at += files.write(file, content.subarray(at));
      files.fsync(file);
    } finally {
      files.close(file);
    }
    files.rename(temporary, path);
  } catch (error) {
    files.remove(temporary);
    throw error;
  }
  syncFolder(folder, files);
}

/** The rename is durable only once the folder is. */
function syncFolder(folder: string, files: Files): void {
  const handle = files.open(folder, O_RDONLY | O_DIRECTORY, 0);
  try {
    files.fsync(handle);
  } finally {
    files.close(handle);
  }
}

/** Temporaries of writers that were killed; those of living ones are left to them. */
function removeLeftovers(path: string, files: Files): void {
  const folder = dirname(path);
  const form = new RegExp(`^\\.${quoted(basename(path))}\\.(\\d+)\\.new$`);
  for (const name of files.list(folder)) {
    const writer = Number(form.exec(name)?.[1] ?? 0);
    if (writer > 0 && (writer === process.pid || !lives(writer))) files.remove(join(folder, name));
  }
}

function lives(process_: number): boolean {
  try {
    process.kill(process_, 0); // signal 0 asks only
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** For a regular expression that wants just this. */
export function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
