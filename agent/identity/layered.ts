// A map that can be had twice for the price of what differs.
//
//   own   what was set or deleted here since the fork      few entries
//   base  shared, never changed again                      all the rest
//
// Thousands of simulated nodes hold nearly the same roster; an agent, which never forks, has
// everything in `own`.

const FOLD_MIN = 256; // fewer own entries than this are copied at a fork rather than folded in

export class Layered<K, V> {
  private base: ReadonlyMap<K, V> | undefined;
  private own = new Map<K, V | undefined>(); // undefined: deleted from the base
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(key: K): V | undefined {
    const value = this.own.get(key);
    if (value !== undefined || this.base === undefined) return value;
    return this.own.has(key) ? undefined : this.base.get(key);
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  set(key: K, value: V): void {
    if (!this.has(key)) this.count++;
    this.own.set(key, value);
  }

  delete(key: K): void {
    if (!this.has(key)) return;
    this.count--;
    if (this.base?.has(key)) this.own.set(key, undefined);
    else this.own.delete(key);
  }

  *entries(): IterableIterator<[K, V]> {
    for (const [key, value] of this.own) if (value !== undefined) yield [key, value];
    if (this.base === undefined) return;
    for (const entry of this.base) if (!this.own.has(entry[0])) yield entry;
  }

  *keys(): IterableIterator<K> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  /** The same entries; from now on each goes its own way. Values must never be changed in place. */
  fork(): Layered<K, V> {
    if (this.own.size > Math.max(FOLD_MIN, (this.base?.size ?? 0) / 8)) {
      this.base = new Map(this.entries());
      this.own = new Map();
    }
    const other = new Layered<K, V>();
    other.base = this.base;
    other.own = new Map(this.own);
    other.count = this.count;
    return other;
  }
}
