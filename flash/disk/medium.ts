// The outermost edge: bytes to and from a block device. Tests put one in its place that fails.
//
// Written through the kernel's cache and flushed now and then, so that progress is no fairy tale;
// read around the cache (O_DIRECT), since what is still in memory proves nothing about a card.

import { constants, type FileHandle, open } from 'node:fs/promises';
import { Failure, systemCode } from '../../agent/commands/failure.js';

export interface Medium {
  readonly path: string;
  readonly size: number; // bytes
  readonly sector: number; // bytes; lengths and places are multiples of it
  /** How many bytes were taken: all of them, or fewer. */
  write(bytes: Uint8Array, at: number): Promise<number>;
  /** What was written is on the medium. */
  sync(): Promise<void>;
  /** From the medium itself. `into` has to be of `aligned`. How many bytes came. */
  read(into: Uint8Array, at: number): Promise<number>;
  close(): Promise<void>;
}

const { O_RDWR, O_RDONLY, O_EXCL, O_DIRECT } = constants;
const PAGE = 65_536; // of WebAssembly

/** Zeros at the start of a page of memory, as O_DIRECT wants them. */
export function aligned(bytes: number): Uint8Array {
  const pages = Math.ceil(bytes / PAGE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return new Uint8Array(memory.buffer, 0, bytes);
}

/** Alone with a block device: the kernel refuses one that is mounted. Throws Failure. */
export async function openMedium(path: string, size: number, sector: number): Promise<Medium> {
  const writer = await opened(path, O_RDWR | O_EXCL);
  let reader: FileHandle;
  try {
    reader = await opened(path, O_RDONLY | O_DIRECT);
  } catch (error) {
    await writer.close();
    throw error;
  }
  return {
    path,
    size,
    sector,
    write: async (bytes, at) => (await writer.write(bytes, 0, bytes.length, at)).bytesWritten,
    sync: () => writer.sync(),
    read: async (into, at) => (await reader.read(into, 0, into.length, at)).bytesRead,
    close: async () => {
      await reader.close();
      await writer.close();
    },
  };
}

async function opened(path: string, flags: number): Promise<FileHandle> {
  try {
    return await open(path, flags);
  } catch (error) {
    throw new Failure(`${path}: ${mediumReason(error)}`);
  }
}

/** Why a device did not do it, and what to do. Rethrows what is no failure of a system call. */
export function mediumReason(error: unknown): string {
  const code = systemCode(error);
  if (code === undefined) throw error;
  return REASONS[code] ?? `it failed (${code})`;
}

const BROKEN = 'it cannot be read or written there: a bad or counterfeit card, or a bad reader';
const GONE = 'it was removed';
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'not allowed; are you root? Try it with sudo',
  EPERM: 'not allowed; is a switch for write protection set on the card?',
  EBUSY: 'it is in use: unmount it first (`umount`)',
  ENOENT: 'there is no such device',
  ENXIO: GONE,
  ENODEV: GONE,
  ENOMEDIUM: 'there is no card in it',
  EROFS: 'it is read-only: is the switch at the side of the card set to LOCK?',
  ENOSPC: 'it is full: it has less room than it says, or than the file behind it may take',
  EFBIG: 'it is full: it has less room than it says',
  EIO: BROKEN,
};
