// A worker's memory without a worker: the AEAD of simd/ compiled by itself, a table, packets.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import koffi from 'koffi';
import { Descriptors, type Packet } from '../../../agent/dataplane/engines/descriptors.js';
import { type Engine, PENDING, type Table } from '../../../agent/dataplane/engines/engine.js';
import { openEvp } from '../../../agent/dataplane/engines/evp.js';
import { type ApartExports, openPrimitives } from '../../../agent/dataplane/engines/primitives.js';
import type { Bench } from '../../../agent/dataplane/engines/selftest.js';
import type { AeadExports } from '../../../agent/dataplane/engines/simd.js';

const SOURCES = new URL('../../../agent/dataplane/simd/', import.meta.url);
const PAGES = 16;
const TABLE = 0x10000; // 2,048 descriptors
export const ROOM = 0x20000; // up to the end of the memory

// What the compiler's output needs of WebAssembly, of which the type checker knows nothing.
type Memory = { readonly buffer: ArrayBuffer };
declare const WebAssembly: {
  Memory: new (limits: { initial: number; maximum: number }) => Memory;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: object };
};

/**
 * Compiles files of simd/, `name` and those it does not import itself, with the options of the real
 * build; kept by a hash of the sources.
 */
export function compile(
  name: string,
  sources: readonly string[],
  entries: readonly string[] = [],
): Uint8Array {
  const hash = createHash('sha256');
  for (const source of sources) hash.update(readFileSync(new URL(source, SOURCES)));
  const folder = new URL('../../../dist/test/', import.meta.url);
  const built = new URL(`${name}-${hash.digest('hex').slice(0, 16)}.wasm`, folder);
  if (!existsSync(built)) {
    mkdirSync(folder, { recursive: true });
    const asc = createRequire(import.meta.url).resolve('assemblyscript/bin/asc.js');
    const half = new URL(`${built.pathname}.${process.pid}`, folder);
    const options = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd'];
    options.push('--importMemory', '--initialMemory', `${PAGES}`, '--maximumMemory', `${PAGES}`);
    options.push('--memoryBase', '1024', '--outFile', half.pathname);
    const files = [name, ...entries].map((file) => new URL(`${file}.ts`, SOURCES).pathname);
    execFileSync(process.execPath, [asc, ...files, ...options]);
    renameSync(half, built);
  }
  return readFileSync(built);
}

/** Instantiates a compiled file over fresh memory. */
export function instantiate(wasm: Uint8Array): { exports: object; memory: ArrayBuffer } {
  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  const module = new WebAssembly.Module(wasm);
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return { exports, memory: memory.buffer };
}

export type Aead = AeadExports &
  ApartExports & {
    seal(key: number, counter: bigint, text: number, length: number): void;
    open(key: number, counter: bigint, text: number, length: number): number;
  };

export type Workbench = { wasm: Aead; table: Table; bench: Bench; packets: Descriptors };

export function newWorkbench(): Workbench {
  const sources = ['aead.ts', 'apart.ts', 'chacha20.ts', 'onetime.ts', 'poly1305.ts'];
  const source = compile('aead', sources, ['apart', 'onetime']);
  const { exports, memory } = instantiate(source);
  const base = Number(koffi.address(new Uint8Array(memory)));
  const table: Table = { memory, address: TABLE, base };
  const packets = new Descriptors(table);
  return { wasm: exports as Aead, table, bench: { table, room: ROOM }, packets };
}

/** Openssl by each way; on the Node of a test there must be both. */
export function waysToOpenssl({ table, wasm }: Workbench): [string, Engine][] {
  const engines = [openPrimitives(table, wasm), openEvp(table)];
  return engines.map((engine) => {
    if (typeof engine === 'string') throw new Error(engine);
    return [`openssl (${engine.way})`, engine];
  });
}

/**
 * Puts key and text (or sealed text) where the descriptor says, and the descriptor in the table.
 */
export function put(
  { packets }: Workbench,
  index: number,
  packet: Packet,
  key: Uint8Array,
  content: Uint8Array,
): void {
  packets.write(index, packet);
  packets.bytes.set(key, packet.key);
  packets.bytes.set(content, packet.text);
  packets.setState(index, PENDING);
}

/** A packet of this length in a place of its own: eight fit, with up to 64 KiB each. */
export function place(index: number, length: number, session = 0): Packet {
  const text = ROOM + 64 + index * 0x11000;
  return { text, length, key: text - 48, counter: BigInt(index), session };
}
