// From a checkout to an image of a card, and to the archive by which a running one is updated.

import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { Failure } from '../../agent/commands/failure.js';
import { autobootText } from '../../agent/update/autoboot.js';
import { agentTree } from '../package/agent.js';
import type { Fetched } from '../package/fetched.js';
import { debianRuntime, makeSquashfs } from '../package/runtime.js';
import { gzip, writeTar } from '../package/tar.js';
import { below, file } from '../package/tree.js';
import { bootFiles, kernelVersion, selectFiles, type Unpacked } from './bootfiles.js';
import { ARCHITECTURE, COMPONENTS, FIRMWARE, KERNEL, PROGRAMS, RELEASE } from './debianpackages.js';
import { DISK_ID, DISK_SIZE, partition, tableSectors } from './disk.js';
import { makeFat } from './fatvolume.js';
import { type KernelModule, readKernelModule } from './kernelmodules.js';
import { writeRoot } from './rootfiles.js';

const CPU = 'aarch64';
export const IMAGE_TARGET = 'pi-arm64';

export type ImageOrder = Readonly<{
  root: string; // a checkout, built
  version: string;
  time: number; // Unix seconds: of every file
  out: string; // a folder
}>;

export type ImageFiles = Readonly<{ image: string; update: string }>;

/** Throws Failure. Files get their names when they are whole. */
export async function buildImage(
  order: ImageOrder,
  fetched: Fetched,
  mirror: string,
  say: (line: string) => void,
): Promise<ImageFiles> {
  mkdirSync(order.out, { recursive: true });
  const work = mkdtempSync(join(order.out, '.image-'));
  try {
    const assets = join(order.root, 'board/pi');
    const sources = `deb ${mirror} ${RELEASE} ${COMPONENTS.join(' ')}\n`;
    const unpack = (names: readonly string[]) => fetched.debian(ARCHITECTURE, names, sources);
    const from: Unpacked = {
      kernel: await unpack(KERNEL),
      firmware: await unpack(FIRMWARE),
      programs: await unpack(PROGRAMS),
    };
    const modules = readModules(from);
    say('making the boot partition');
    const files = bootFiles(from, modules, assets);
    const boot = fitting('boot', () => makeFat(partition(2).size, DISK_ID + 1, 'KITH-BOOT', files));
    say('making the root partition');
    const root = await rootImage(order, work, from, modules, fetched);
    const name = `kith-${order.version}-${IMAGE_TARGET}`;
    const image = join(order.out, `${name}.img`);
    say('putting the card together');
    writeCard(join(work, 'card'), from, boot, root);
    renameSync(join(work, 'card'), image);
    const update = join(order.out, `${name}.tar.gz`);
    writeUpdate(join(work, 'update'), order, boot, root);
    renameSync(join(work, 'update'), update);
    return { image, update };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function rootImage(
  order: ImageOrder,
  work: string,
  from: Unpacked,
  modules: ReadonlyMap<string, KernelModule>,
  fetched: Fetched,
): Promise<Uint8Array> {
  const agent = await agentTree(CPU, order.version, order.root, fetched, IMAGE_TARGET);
  const own = [...below('opt/kith', agent), ...(await debianRuntime(CPU, fetched))];
  const folder = join(work, 'root');
  writeRoot(folder, from, modules, own, join(order.root, 'board/pi'));
  const path = join(work, 'root.img');
  await makeSquashfs(folder, path, fetched, { time: order.time, compression: 'zstd' });
  const bytes = readFileSync(path);
  if (bytes.length > partition(5).size)
    throw new Failure(`the root has ${bytes.length} bytes, its partition ${partition(5).size}`);
  return bytes;
}

/** The second pair is empty until the first update. */
function writeCard(path: string, from: Unpacked, boot: Uint8Array, root: Uint8Array): void {
  const select = selectFiles(from, autobootText({ all: 2, tryboot: 3 }));
  const card = openSync(path, 'w');
  try {
    ftruncateSync(card, DISK_SIZE);
    for (const [at, bytes] of tableSectors()) writeSync(card, bytes, 0, bytes.length, at);
    const first = makeFat(partition(1).size, DISK_ID, 'KITH', select);
    writeHoles(card, first, partition(1).start);
    writeHoles(card, boot, partition(2).start);
    writeHoles(card, root, partition(5).start);
  } finally {
    closeSync(card);
  }
}

/** What is empty is not written: the file takes no room there, and a flasher may leave it out. */
function writeHoles(card: number, bytes: Uint8Array, at: number): void {
  const piece = 64 * 1024;
  const empty = Buffer.alloc(piece);
  for (let start = 0; start < bytes.length; start += piece) {
    const part = bytes.subarray(start, start + piece);
    if (!empty.subarray(0, part.length).equals(part))
      writeSync(card, part, 0, part.length, at + start);
  }
}

function writeUpdate(
  path: string,
  { version, time }: ImageOrder,
  boot: Uint8Array,
  root: Uint8Array,
): void {
  const release = `${JSON.stringify({ name: 'kith', version, target: IMAGE_TARGET })}\n`;
  // release.json first: who unpacks it knows what comes before it is written anywhere.
  const entries = [file('release.json', release), file('boot.img', boot), file('root.img', root)];
  writeFileSync(path, gzip(writeTar(entries, time, '')));
}

function readModules(from: Unpacked): Map<string, KernelModule> {
  const base = join(from.kernel, 'lib/modules', kernelVersion(from));
  const entries = readdirSync(base, { recursive: true, withFileTypes: true });
  const paths = entries.flatMap((entry) =>
    entry.isFile() && entry.name.endsWith('.ko') ? [join(entry.parentPath, entry.name)] : [],
  );
  const modules = paths.map((path) => readKernelModule(relative(base, path), readFileSync(path)));
  return new Map(modules.map((module) => [module.name, module]));
}

function fitting<T>(what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Failure(`the ${what} partition is too small: ${error.message}`);
  }
}
