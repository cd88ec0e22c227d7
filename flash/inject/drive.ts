// Bytes of an image file or of a whole device, and the partitions in them: MBR, GPT, or none.

import { closeSync, constants, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { Failure, systemCode } from '../../agent/commands/failure.js';
import { mediumReason } from '../disk/medium.js';

/** Throws Failure where reading or writing fails. */
export class Drive {
  private constructor(
    readonly path: string,
    private readonly file: number,
  ) {}

  /** Alone with a device: the kernel refuses one that is mounted. Throws Failure. */
  static open(path: string): Drive {
    try {
      return new Drive(path, openSync(path, constants.O_RDWR | constants.O_EXCL));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') throw new Failure(`there is no ${path}`);
      throw new Failure(`cannot open ${path}: ${mediumReason(error)}`);
    }
  }

  read(at: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const count = this.calling(() => readSync(this.file, bytes, done, length - done, at + done));
      if (count === 0) throw new Failure(`${this.path} ends too early: it is cut off or damaged`);
      done += count;
    }
    return bytes;
  }

  write(at: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; )
      done += this.calling(() => writeSync(this.file, bytes, done, bytes.length - done, at + done));
  }

  sync(): void {
    this.calling(() => fsyncSync(this.file));
  }

  close(): void {
    closeSync(this.file);
  }

  private calling<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw new Failure(`${this.path}: ${mediumReason(error)}`);
    }
  }
}

export type Partition = Readonly<{
  number: number; // from 1; 0: the whole drive is one
  start: number; // bytes
  length: number; // bytes; 0: unknown
}>;

const SECTOR = 512;
const MBR_ENTRIES = 446;
const GPT_PROTECTIVE = 0xee;
const GPT_ENTRIES_MAX = 1024; // 128 is what everybody writes

/** Primary partitions of an MBR, all of a GPT, or the whole drive. Throws Failure. */
export function partitionsOf(drive: Drive): Partition[] {
  const sector = drive.read(0, SECTOR);
  if (isFat(sector)) return [{ number: 0, start: 0, length: 0 }];
  if (sector[510] !== 0x55 || sector[511] !== 0xaa)
    throw new Failure(`${drive.path} has no partition table: was an image written to it?`);
  const view = new DataView(sector.buffer);
  const found: Partition[] = [];
  for (let i = 0; i < 4; i++) {
    const at = MBR_ENTRIES + i * 16;
    const type = view.getUint8(at + 4);
    if (type === GPT_PROTECTIVE) return gptPartitions(drive);
    const [start, length] = [view.getUint32(at + 8, true), view.getUint32(at + 12, true)];
    if (type !== 0 && start > 0)
      found.push({ number: i + 1, start: start * SECTOR, length: length * SECTOR });
  }
  return found;
}

/** UEFI 2.10, section 5.3. Sectors of 512 bytes, or of 4096 where the header lies there. */
function gptPartitions(drive: Drive): Partition[] {
  const sizes = [SECTOR, 4096];
  const size = sizes.find((one) => text(drive.read(one, 8), 0, 8) === 'EFI PART');
  if (size === undefined) throw new Failure(`the partition table of ${drive.path} is damaged`);
  const header = new DataView(drive.read(size, 92).buffer);
  const [count, length] = [header.getUint32(80, true), header.getUint32(84, true)];
  if (count > GPT_ENTRIES_MAX || length < 128 || length > 4096)
    throw new Failure(`the partition table of ${drive.path} is damaged`);
  const entries = drive.read(Number(header.getBigUint64(72, true)) * size, count * length);
  const view = new DataView(entries.buffer);
  const found: Partition[] = [];
  for (let i = 0; i < count; i++) {
    const at = i * length;
    if (entries.subarray(at, at + 16).every((byte) => byte === 0)) continue;
    const [first, last] = [view.getBigUint64(at + 32, true), view.getBigUint64(at + 40, true)];
    found.push({
      number: i + 1,
      start: Number(first) * size,
      length: Number(last - first + 1n) * size,
    });
  }
  return found;
}

/** A boot sector of FAT: a jump, a sensible sector size, one or two tables, the signature. */
export function isFat(sector: Uint8Array): boolean {
  const view = new DataView(sector.buffer, sector.byteOffset, sector.length);
  const jump = sector[0] === 0xeb || sector[0] === 0xe9;
  const bytes = view.getUint16(11, true);
  const clusters = view.getUint8(13);
  return (
    jump &&
    [512, 1024, 2048, 4096].includes(bytes) &&
    clusters > 0 &&
    (clusters & (clusters - 1)) === 0 &&
    view.getUint16(14, true) > 0 &&
    [1, 2].includes(view.getUint8(16)) &&
    view.getUint16(510, true) === 0xaa55
  );
}

function text(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.subarray(from, to)).toString('latin1');
}
