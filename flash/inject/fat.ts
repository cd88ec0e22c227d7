// A FAT file system of 12, 16 or 32 bits (Microsoft's "FAT: General Overview of On-Disk Format",
// 1.03): its table, its clusters, and files in its root folder.
//
//   boot sector, reserved │ table │ table │ root (12, 16 bits) │ clusters 2, 3, 4 …
//
// A file is replaced so that a power cut leaves the old one or the new one: contents first, then
// the table, then the entry, and the old clusters are freed last.

import { Failure } from '../../agent/commands/failure.js';
import type { Drive, Partition } from './drive.js';
import { isFat } from './drive.js';
import { ENTRY, type Found, findEntry, freeSlots, makeEntries, pointAt } from './fatentries.js';

const TABLE_MAX = 256 * 1024 * 1024; // bytes: FAT32 at its largest has as much
const FILE_MAX = 16 * 1024 * 1024;

type Bits = 12 | 16 | 32;

type Layout = Readonly<{
  bits: Bits;
  cluster: number; // bytes
  table: number; // bytes from the start of the partition
  tableLength: number;
  tables: number;
  root: number; // of 12 and 16 bits: bytes from the start
  rootLength: number;
  rootCluster: number; // of 32 bits
  data: number; // of cluster 2
  clusters: number;
  info: number; // of 32 bits: where the FSInfo sector is, else 0
}>;

/** Undefined where it is no FAT. */
export function openFat(drive: Drive, partition: Partition): Fat | undefined {
  const sector = drive.read(partition.start, 512);
  if (!isFat(sector)) return undefined;
  const layout = layoutOf(sector);
  return layout && new Fat(drive, partition.start, layout);
}

function layoutOf(sector: Uint8Array): Layout | undefined {
  const view = new DataView(sector.buffer, sector.byteOffset, sector.length);
  const size = view.getUint16(11, true);
  const cluster = view.getUint8(13) * size;
  const table = view.getUint16(14, true) * size;
  const tables = view.getUint8(16);
  const rootLength = view.getUint16(17, true) * ENTRY;
  const total = (view.getUint16(19, true) || view.getUint32(32, true)) * size;
  const tableLength = (view.getUint16(22, true) || view.getUint32(36, true)) * size;
  const root = table + tables * tableLength;
  const data = root + Math.ceil(rootLength / size) * size;
  const clusters = Math.floor((total - data) / cluster);
  if (clusters < 1 || tableLength === 0 || tableLength > TABLE_MAX) return undefined;
  const bits = clusters < 4085 ? 12 : clusters < 65525 ? 16 : 32; // the only rule there is
  if ((bits === 32) !== (rootLength === 0)) return undefined;
  const rootCluster = bits === 32 ? view.getUint32(44, true) : 0;
  const info = bits === 32 ? view.getUint16(48, true) * size : 0;
  if (tableLength * 8 < (clusters + 2) * bits) return undefined;
  return {
    ...{ bits, cluster, table, tableLength, tables, root, rootLength, rootCluster, data, clusters },
    info,
  };
}

export class Fat {
  private readonly table: DataView;

  constructor(
    private readonly drive: Drive,
    private readonly start: number,
    private readonly layout: Layout,
  ) {
    const { table, tableLength } = layout;
    this.table = new DataView(drive.read(start + table, tableLength).buffer);
  }

  get bits(): Bits {
    return this.layout.bits;
  }

  /** Undefined where there is no such file in the root folder. Throws Failure. */
  readFile(name: string): Uint8Array | undefined {
    const found = findEntry(this.readRoot(), name);
    if (!found) return undefined;
    if (found.folder) throw new Failure(`${name} on the card is a folder`);
    if (found.length > FILE_MAX) throw new Failure(`${name} on the card is too large`);
    const pieces = this.chain(found.cluster).map((one) => this.readCluster(one));
    return Buffer.concat(pieces).subarray(0, found.length);
  }

  /** Creates or replaces a file in the root folder. Throws Failure, and nothing has changed. */
  writeFile(name: string, content: Uint8Array, at: Date): void {
    const root = this.readRoot();
    const found = findEntry(root, name);
    if (found?.folder) throw new Failure(`${name} on the card is a folder`);
    const clusters = this.allocate(Math.ceil(content.length / this.layout.cluster));
    const grown = found ? root : this.withRoom(root, name);
    for (const [i, cluster] of clusters.entries()) {
      const piece = new Uint8Array(this.layout.cluster);
      piece.set(content.subarray(i * piece.length, (i + 1) * piece.length));
      this.writeCluster(cluster, piece);
    }
    this.writeTable();
    this.drive.sync();
    const changed = this.enter(grown, name, found, clusters[0] ?? 0, content.length, at);
    this.writeRoot(changed);
    this.drive.sync();
    if (found) this.free(found);
    this.writeInfo();
    this.drive.sync();
  }

  private enter(
    root: Uint8Array,
    name: string,
    found: Found | undefined,
    cluster: number,
    length: number,
    at: Date,
  ): Uint8Array {
    const changed = Uint8Array.from(root);
    if (found) pointAt(changed.subarray(found.at, found.at + ENTRY), cluster, length, at);
    else {
      const entries = makeEntries(root, name);
      pointAt(entries.subarray(-ENTRY), cluster, length, at);
      changed.set(entries, freeSlots(root, entries.length / ENTRY) ?? 0);
    }
    return changed;
  }

  private free({ cluster }: Found): void {
    const old = this.chain(cluster);
    for (const one of old) this.writeCluster(one, new Uint8Array(this.layout.cluster)); // secrets
    for (const one of old) this.set(one, 0);
    this.writeTable();
  }

  /** A root folder that has room for one more name; of FAT32 it may grow. */
  private withRoom(root: Uint8Array, name: string): Uint8Array {
    const slots = makeEntries(root, name).length / ENTRY;
    if (freeSlots(root, slots) !== undefined) return root;
    const { bits, cluster, rootCluster } = this.layout;
    if (bits !== 32) throw new Failure('the root folder on the card is full');
    const last = this.chain(rootCluster).at(-1) ?? rootCluster;
    const [more = 0] = this.allocate(1);
    this.writeCluster(more, new Uint8Array(cluster));
    this.set(last, more);
    return Buffer.concat([root, new Uint8Array(cluster)]);
  }

  private readRoot(): Uint8Array {
    const { bits, root, rootLength, rootCluster } = this.layout;
    if (bits !== 32) return this.drive.read(this.start + root, rootLength);
    return Buffer.concat(this.chain(rootCluster).map((one) => this.readCluster(one)));
  }

  private writeRoot(bytes: Uint8Array): void {
    const { bits, root, rootCluster, cluster } = this.layout;
    if (bits !== 32) this.drive.write(this.start + root, bytes);
    for (const [i, one] of this.chain(rootCluster).entries())
      this.writeCluster(one, bytes.subarray(i * cluster, (i + 1) * cluster));
  }

  /** The clusters of a file; of an empty one, none. A damaged chain ends, at the latest. */
  private chain(first: number): number[] {
    const found: number[] = [];
    const seen = new Set<number>();
    for (let one = first; this.isCluster(one) && !seen.has(one); one = this.get(one)) {
      seen.add(one);
      found.push(one);
    }
    return found;
  }

  /** Free clusters, chained to one another. Throws Failure where there are too few. */
  private allocate(count: number): number[] {
    const found: number[] = [];
    for (let one = 2; one < this.layout.clusters + 2 && found.length < count; one++)
      if (this.get(one) === 0) found.push(one);
    if (found.length < count) throw new Failure('the boot partition is full');
    for (const [i, one] of found.entries()) this.set(one, found[i + 1] ?? 0x0fffffff);
    return found;
  }

  private isCluster(number: number): boolean {
    return number >= 2 && number < this.layout.clusters + 2;
  }

  private get(cluster: number): number {
    const { table, layout } = this;
    if (layout.bits === 32) return table.getUint32(cluster * 4, true) & 0x0fffffff;
    if (layout.bits === 16) return table.getUint16(cluster * 2, true);
    const pair = table.getUint16(cluster + (cluster >> 1), true);
    return cluster & 1 ? pair >> 4 : pair & 0xfff;
  }

  private set(cluster: number, value: number): void {
    const { table, layout } = this;
    if (layout.bits === 32) {
      const kept = table.getUint32(cluster * 4, true) & 0xf0000000; // not ours
      table.setUint32(cluster * 4, (kept | (value & 0x0fffffff)) >>> 0, true);
    } else if (layout.bits === 16) table.setUint16(cluster * 2, value & 0xffff, true);
    else {
      const at = cluster + (cluster >> 1);
      const pair = table.getUint16(at, true);
      const odd = cluster & 1;
      const next = odd ? (pair & 0xf) | ((value & 0xfff) << 4) : (pair & 0xf000) | (value & 0xfff);
      table.setUint16(at, next, true);
    }
  }

  private writeTable(): void {
    const { table, tableLength, tables } = this.layout;
    const bytes = new Uint8Array(this.table.buffer);
    for (let i = 0; i < tables; i++) this.drive.write(this.start + table + i * tableLength, bytes);
  }

  /** Counts of what is free are a hint that is unknown now: 0xffffffff, as the format has it. */
  private writeInfo(): void {
    const { info } = this.layout;
    if (info === 0) return;
    const sector = this.drive.read(this.start + info, 512);
    const view = new DataView(sector.buffer);
    if (view.getUint32(0, true) !== 0x41615252) return;
    let free = 0;
    for (let one = 2; one < this.layout.clusters + 2; one++) if (this.get(one) === 0) free++;
    view.setUint32(488, free, true);
    this.drive.write(this.start + info, sector);
  }

  private readCluster(cluster: number): Uint8Array {
    return this.drive.read(this.placeOf(cluster), this.layout.cluster);
  }

  private writeCluster(cluster: number, bytes: Uint8Array): void {
    this.drive.write(this.placeOf(cluster), bytes);
  }

  private placeOf(cluster: number): number {
    return this.start + this.layout.data + (cluster - 2) * this.layout.cluster;
  }
}
