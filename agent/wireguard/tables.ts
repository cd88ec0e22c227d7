// The two kinds of numbers a device hands out: rows (the lowest that is free, as the workers'
// tables want it) and indices (random, so that nobody can guess or count them).

/** Values under row numbers from 0 up. */
export class Rows<T> {
  private readonly rows = new Map<number, T>();
  private lowest = 0; // no row below is free

  constructor(private readonly max = Number.POSITIVE_INFINITY) {}

  get full(): boolean {
    return this.rows.size >= this.max;
  }

  /** Makes the value for the lowest free row. Throws where all are taken: ask `full` before. */
  add(make: (row: number) => T): T {
    if (this.full) throw new RangeError(`"rows" are full (${this.max})`);
    while (this.rows.has(this.lowest)) this.lowest++;
    const value = make(this.lowest);
    this.rows.set(this.lowest, value);
    return value;
  }

  get(row: number): T | undefined {
    return this.rows.get(row);
  }

  remove(row: number): void {
    if (this.rows.delete(row)) this.lowest = Math.min(this.lowest, row);
  }

  values(): IterableIterator<T> {
    return this.rows.values();
  }

  get size(): number {
    return this.rows.size;
  }
}

/** A public key as a map key. */
export function nameOf(publicKey: Uint8Array): string {
  let name = '';
  for (const byte of publicKey) name += String.fromCharCode(byte);
  return name;
}

/** Values under random u32 indices: what a peer writes into the receiver field. */
export class Indices<T> {
  private readonly values = new Map<number, T>();

  constructor(private readonly random: (bytes: number) => Uint8Array) {}

  /** A new index, unlike all others in use. */
  add(value: T): number {
    for (;;) {
      const bytes = this.random(4);
      const index = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
      if (this.values.has(index)) continue;
      this.values.set(index, value);
      return index;
    }
  }

  get(index: number): T | undefined {
    return this.values.get(index);
  }

  remove(index: number): void {
    this.values.delete(index);
  }

  get size(): number {
    return this.values.size;
  }
}
