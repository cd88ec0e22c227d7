// A new FAT32 volume with files in it (Microsoft's "FAT: General Overview of On-Disk Format" 1.03).
// Everything lies one behind the other, and nothing in it depends on when or where it was made.
//
//   boot sector │ FSInfo │ … │ copies of both │ table │ table │ root │ files

import { ENTRY, makeEntries, pointAt } from '../inject/fatentries.js';

const SECTOR = 512;
const RESERVED = 32; // sectors
const CLUSTER = 512; // bytes: FAT32 begins at 65,525 clusters, and our volumes are small
const CLUSTERS_MIN = 65_525;
const TABLES = 2;
const FIXED_DISK = 0xf8;
const END_OF_CHAIN = 0x0fffffff;
const LABEL = 0x08;
const ARCHIVE = 0x20;
const SMALL_LETTERS = 0x18; // of the name, and of its ending
const EPOCH = new Date(2026, 0, 1); // the same in every time zone: entries hold local time

export type VolumeFiles = ReadonlyMap<string, Uint8Array>; // by name: all lie in the root

type Volume = Readonly<{
  bytes: Uint8Array;
  view: DataView;
  tableSectors: number;
  clusters: number;
  next: { cluster: number };
}>;

/**
 * `size`: bytes, a multiple of 512. `id`: the volume's number. `label`: at most 11 capitals.
 * Throws RangeError where the files do not fit.
 */
export function makeFat(size: number, id: number, label: string, files: VolumeFiles): Uint8Array {
  const volume = emptyVolume(size, id, label);
  const names = [...files.keys()].sort();
  const rootCluster = take(volume, ENTRY * (1 + names.reduce((sum, name) => sum + slots(name), 0)));
  let root = labelEntry(label);
  for (const name of names) {
    const bytes = files.get(name) ?? new Uint8Array();
    const cluster = bytes.length === 0 ? 0 : take(volume, bytes.length);
    if (bytes.length > 0) put(volume, cluster, bytes);
    const entries = entriesOf(name, root);
    pointAt(entries.subarray(-ENTRY), cluster, bytes.length, EPOCH);
    root = Buffer.concat([root, entries]);
  }
  put(volume, rootCluster, root);
  finish(volume);
  return volume.bytes;
}

function emptyVolume(size: number, id: number, label: string): Volume {
  if (size % SECTOR !== 0) throw new RangeError(`"size" is no number of sectors: ${size}`);
  const sectors = size / SECTOR;
  const tableSectors = Math.ceil(((sectors - RESERVED) * 4) / (SECTOR + 4 * TABLES)) + 1;
  const clusters = sectors - RESERVED - TABLES * tableSectors;
  if (clusters < CLUSTERS_MIN) throw new RangeError(`"size" is too small for FAT32: ${size}`);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes.set([0xeb, 0x58, 0x90]);
  bytes.set(Buffer.from('kith    '), 3);
  view.setUint16(11, SECTOR, true);
  view.setUint8(13, CLUSTER / SECTOR);
  view.setUint16(14, RESERVED, true);
  view.setUint8(16, TABLES);
  view.setUint8(21, FIXED_DISK);
  view.setUint16(24, 32, true); // sectors of a track, heads: of no use today, but looked at
  view.setUint16(26, 64, true);
  view.setUint32(32, sectors, true);
  view.setUint32(36, tableSectors, true);
  view.setUint32(44, 2, true); // the root's cluster
  view.setUint16(48, 1, true); // FSInfo
  view.setUint16(50, 6, true); // the copy of this sector
  view.setUint8(64, 0x80);
  view.setUint8(66, 0x29);
  view.setUint32(67, id, true);
  bytes.set(Buffer.from(label.padEnd(11)), 71);
  bytes.set(Buffer.from('FAT32   '), 82);
  view.setUint16(510, 0xaa55, true);
  return { bytes, view, tableSectors, clusters, next: { cluster: 2 } };
}

/** FSInfo, the copies, and what the first two places of a table hold. */
function finish({ bytes, view, tableSectors, clusters, next }: Volume): void {
  view.setUint32(SECTOR, 0x41615252, true);
  view.setUint32(SECTOR + 484, 0x61417272, true);
  view.setUint32(SECTOR + 488, clusters - (next.cluster - 2), true);
  view.setUint32(SECTOR + 492, next.cluster, true);
  view.setUint32(SECTOR + 508, 0xaa550000, true);
  bytes.copyWithin(6 * SECTOR, 0, 2 * SECTOR);
  const table = RESERVED * SECTOR;
  view.setUint32(table, 0x0fffff00 | FIXED_DISK, true);
  view.setUint32(table + 4, END_OF_CHAIN, true);
  bytes.copyWithin(table + tableSectors * SECTOR, table, table + tableSectors * SECTOR);
}

/** The first of as many clusters as that many bytes need, linked to each other. */
function take({ view, clusters, next }: Volume, length: number): number {
  const count = clustersOf(length);
  const first = next.cluster;
  if (first - 2 + count > clusters) throw new RangeError('"files" do not fit into "size"');
  for (let index = 0; index < count; index++) {
    const following = index === count - 1 ? END_OF_CHAIN : first + index + 1;
    view.setUint32(RESERVED * SECTOR + 4 * (first + index), following, true);
  }
  next.cluster += count;
  return first;
}

function put({ bytes: all, tableSectors }: Volume, cluster: number, bytes: Uint8Array): void {
  all.set(bytes, (RESERVED + TABLES * tableSectors) * SECTOR + (cluster - 2) * CLUSTER);
}

/** At most: a name of 13 characters takes one entry, and the short one behind it. */
function slots(name: string): number {
  return 1 + Math.ceil(name.length / 13);
}

/** A short name stays as it is: the first program of a Raspberry Pi 3 reads no other. */
function entriesOf(name: string, root: Uint8Array): Uint8Array {
  const [, stem, ending = ''] = /^([a-z0-9_-]{1,8})(?:\.([a-z0-9_-]{1,3}))?$/.exec(name) ?? [];
  if (stem === undefined) return makeEntries(root, name);
  const entry = new Uint8Array(ENTRY);
  entry.set(Buffer.from((stem.padEnd(8) + ending.padEnd(3)).toUpperCase()));
  entry[11] = ARCHIVE;
  entry[12] = SMALL_LETTERS;
  return entry;
}

function labelEntry(label: string): Uint8Array<ArrayBuffer> {
  const entry = new Uint8Array(ENTRY);
  entry.set(Buffer.from(label.padEnd(11)));
  entry[11] = LABEL;
  return entry;
}

function clustersOf(length: number): number {
  return Math.max(1, Math.ceil(length / CLUSTER));
}
