// How the card of a Raspberry Pi is divided, and its first sectors (MBR; the partitions inside the
// extended one are a chain of sectors of the same shape, each before the partition it names).
//
//   p1 KITH       FAT     autoboot.txt, the setup file; the firmware begins here
//   p2 p3         FAT     boot of pair A and B: firmware, kernel, first root
//   p5 p6         squashfs root of pair A and B
//   p7            ext4    what the router keeps; made at the first start

export const MIB = 1024 * 1024;
const SECTOR = 512;
const TYPE = { fat: 0x0c, linux: 0x83, extended: 0x0f };

export const DISK_ID = 0x6b697468; // "kith": the first root knows its card by it

export type Partition = Readonly<{ number: number; start: number; size: number; type: number }>;

/** Bytes. 1 GiB in all: a power of two, as the emulated card reader of QEMU wants it. */
export const PARTITIONS: readonly Partition[] = [
  { number: 1, start: 1 * MIB, size: 40 * MIB, type: TYPE.fat },
  { number: 2, start: 41 * MIB, size: 96 * MIB, type: TYPE.fat },
  { number: 3, start: 137 * MIB, size: 96 * MIB, type: TYPE.fat },
  { number: 5, start: 234 * MIB, size: 192 * MIB, type: TYPE.linux },
  { number: 6, start: 427 * MIB, size: 192 * MIB, type: TYPE.linux },
  { number: 7, start: 620 * MIB, size: 404 * MIB, type: TYPE.linux },
];
export const DISK_SIZE = 1024 * MIB;
const EXTENDED_START = 233 * MIB;

export function partition(number: number): Partition {
  const found = PARTITIONS.find((one) => one.number === number);
  if (!found) throw new RangeError(`"number" is none of the partitions: ${number}`);
  return found;
}

/** The sectors that hold tables, by their place on the disk in bytes. */
export function tableSectors(): Map<number, Uint8Array> {
  const primary = PARTITIONS.filter(({ number }) => number < 5);
  const logical = PARTITIONS.filter(({ number }) => number >= 5);
  const extended = { start: EXTENDED_START, size: DISK_SIZE - EXTENDED_START, type: TYPE.extended };
  const first = sector([...primary, extended].map((one) => entry(one, 0)));
  new DataView(first.buffer).setUint32(440, DISK_ID, true);
  const sectors = new Map([[0, first]]);
  for (const [index, one] of logical.entries()) {
    const at = one.start - MIB;
    const following = logical[index + 1];
    const chain = following && {
      start: following.start - MIB,
      size: following.size + MIB,
      type: TYPE.extended,
    };
    // A link of the chain counts from the start of the extended partition, the other from here.
    const entries = [entry(one, at), ...(chain ? [entry(chain, EXTENDED_START)] : [])];
    sectors.set(at, sector(entries));
  }
  return sectors;
}

function sector(entries: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  for (const [index, one] of entries.entries()) bytes.set(one, 446 + 16 * index);
  bytes.set([0x55, 0xaa], 510);
  return bytes;
}

/** Addresses by sector alone: cylinders and heads say "beyond" (fe ff ff), as is usual. */
function entry({ start, size, type }: Omit<Partition, 'number'>, from: number): Uint8Array {
  const bytes = new Uint8Array([
    0,
    0xfe,
    0xff,
    0xff,
    type,
    0xfe,
    0xff,
    0xff,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
  ]);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, (start - from) / SECTOR, true);
  view.setUint32(12, size / SECTOR, true);
  return bytes;
}
