// ChaCha20-Poly1305 by our own WebAssembly with 128-bit vectors (simd/aead.ts).

import type { Engine, Table } from './engine.js';

/** What this needs of the module's exports; `table` is the address of descriptor 0. */
export type AeadExports = Readonly<{
  sealBatch(table: number, first: number, count: number): void;
  openBatch(table: number, first: number, count: number): void;
  wipe(): void;
}>;

export class SimdEngine implements Engine {
  readonly name = 'simd';

  constructor(
    private readonly table: Table,
    private readonly wasm: AeadExports,
  ) {}

  seal(first: number, count: number): boolean {
    this.wasm.sealBatch(this.table.address, first, count);
    return true;
  }

  open(first: number, count: number): boolean {
    this.wasm.openBatch(this.table.address, first, count);
    return true;
  }

  close(): void {
    this.wasm.wipe();
  }
}
