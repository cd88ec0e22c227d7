// The files of a package, before any packaging: sorted, with all their folders, so that the same
// input gives the same bytes in every format.

/** Paths are relative to the root of the target, without `./` in front: `usr/bin/kith`. */
export type Entry = Readonly<
  { path: string; mode: number } & (
    | { kind: 'file'; bytes: Uint8Array }
    | { kind: 'folder' }
    | { kind: 'link'; target: string }
  )
>;

export type Tree = readonly Entry[];

export const FOLDER_MODE = 0o755;

export function file(path: string, bytes: Uint8Array | string, mode = 0o644): Entry {
  return { kind: 'file', path, mode, bytes: typeof bytes === 'string' ? encode(bytes) : bytes };
}

export function link(path: string, target: string): Entry {
  return { kind: 'link', path, mode: 0o777, target };
}

/** Sorted by path, parents before children, with the folders that nobody named. */
export function treeOf(entries: readonly Entry[]): Tree {
  const found = new Map<string, Entry>();
  for (const entry of entries) {
    const parts = entry.path.split('/');
    if (parts.some((part) => part === '' || part === '.' || part === '..'))
      throw new RangeError(`"entries" has a path that is not plain: ${entry.path}`);
    const before = found.get(entry.path);
    if (before && !(before.kind === 'folder' && entry.kind === 'folder'))
      throw new RangeError(`"entries" has ${entry.path} twice`);
    found.set(entry.path, entry);
  }
  for (const path of [...found.keys()])
    for (const parent of parentsOf(path))
      if (!found.has(parent))
        found.set(parent, { kind: 'folder', path: parent, mode: FOLDER_MODE });
  return [...found.values()].sort((a, b) => comparePaths(a.path, b.path));
}

/** The same tree somewhere below, such as at `opt/kith/releases/0.1.0`. */
export function below(prefix: string, tree: Tree): Entry[] {
  return tree.map((entry) => ({ ...entry, path: `${prefix}/${entry.path}` }));
}

/** Bytes of all files together: what is said as installed size. */
export function sizeOf(tree: Tree): number {
  return tree.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.bytes.length : 0), 0);
}

/** By UTF-8 bytes, as apk wants it; a folder stands before what is in it. */
export function comparePaths(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function parentsOf(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
