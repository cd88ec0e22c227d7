// A package for apk-tools 3 (OpenWrt 25.12 and later), and its place in an index.
//
//   info     1 name 2 version 3 hash 4 description 5 arch 6 licence 7 origin 8 maintainer
//            12 installed size 13 file size 15 depends [{1 name}]
//   package  1 info  2 folders [{1 name 2 rights 3 files [{1 name 2 rights 3 size 4 time 5 hash
//            6 target}]}]  3 scripts
//   rights   1 mode 2 user 3 group
//   scripts  2 pre-install 3 post-install 4 pre-deinstall 5 post-deinstall 6 pre-upgrade
//            7 post-upgrade

import { createHash } from 'node:crypto';
import { type Fields, type FileBlock, record, writeDatabase, writeFile } from './adb.js';
import { type Contents, LICENSE, MAINTAINER, versionOf } from './contents.js';
import { postinstLines, prermLines } from './openwrtscripts.js';
import { comparePaths, type Entry, file, sizeOf, type Tree, treeOf } from './tree.js';

const UNIQUE_BYTES = 20;
const SYMBOLIC_LINK = 0o120000;

export type Apk = Readonly<{ bytes: Uint8Array; database: Uint8Array; info: Info }>;

type Info = Readonly<Record<number, string | number | Uint8Array | readonly Fields[] | undefined>>;

export function writeApk(contents: Contents, privateKey: string | undefined): Apk {
  const tree = treeOf([...contents.tree, ...openwrtLists(contents)]);
  const { folders, files } = place(tree, contents.time);
  const info = infoOf(contents, sizeOf(tree));
  const scripts = record(scriptsOf(contents));
  const database = (hash: Uint8Array) =>
    writeDatabase(record({ 1: record({ ...info, 3: hash }), 2: folders, 3: scripts }));
  // The package's own hash is taken while its place is filled with zeros.
  const empty = database(new Uint8Array(UNIQUE_BYTES));
  const hash = createHash('sha256').update(empty).digest().subarray(0, UNIQUE_BYTES);
  const final = database(hash);
  return { bytes: writeFile('pckg', final, files, privateKey), database: final, info };
}

/** The file's name in apk's own words: it is put together on the router. */
export function apkPattern(cpu: string): string {
  const field = (name: string) => `\${${name}}`;
  return `${field('name')}-${field('version')}-${cpu}.apk`;
}

/** `packages.adb`. `pattern` makes a file's name of a package's fields: see apkPattern. */
export function writeApkIndex(
  apks: readonly Apk[],
  pattern: string,
  privateKey: string,
): Uint8Array {
  const packages = [...apks]
    .sort((a, b) => comparePaths(String(a.info[1]), String(b.info[1])))
    .map(({ bytes, database, info }) => {
      const hash = createHash('sha256').update(database).digest();
      return record({ ...info, 3: hash, 13: bytes.length });
    });
  const root = record({ 1: 'kith', 2: packages, 3: pattern });
  return writeFile('indx', writeDatabase(root), [], privateKey);
}

function infoOf(contents: Contents, size: number): Info {
  const { name, architecture, summary, depends } = contents;
  const sorted = [...depends].sort(comparePaths); // apk looks them up in order
  return {
    1: name,
    2: versionOf(contents, 'apk'),
    4: summary,
    5: architecture,
    6: LICENSE,
    7: name,
    8: MAINTAINER,
    12: size,
    15: sorted.map((one) => record({ 1: one })),
  };
}

/** What OpenWrt's scripts and sysupgrade read: lists of files and of configuration files. */
function openwrtLists({ name, tree, conffiles }: Contents): Entry[] {
  const folder = 'lib/apk/packages';
  const paths = tree.filter(({ kind }) => kind !== 'folder').map(({ path }) => `/${path}\n`);
  const lists = [file(`${folder}/${name}.list`, paths.join(''))];
  if (conffiles.length === 0) return lists;
  const sums = conffiles.map((path) => {
    const found = tree.find((entry) => entry.path === path);
    if (found?.kind !== 'file') throw new RangeError(`"conffiles" names no file: ${path}`);
    return `/${path} ${createHash('sha256').update(found.bytes).digest('hex')}\n`;
  });
  const names = conffiles.map((path) => `/${path}\n`).join('');
  lists.push(file(`${folder}/${name}.conffiles`, names));
  lists.push(file(`${folder}/${name}.conffiles_static`, sums.join('')));
  return lists;
}

/** Folders in order, each with its own files; and the contents by the places of both. */
function place(tree: Tree, time: number): { folders: Fields[]; files: FileBlock[] } {
  const blocks: FileBlock[] = [];
  const paths = ['', ...tree.filter(({ kind }) => kind === 'folder').map(({ path }) => path)];
  const folders = paths.sort(comparePaths).map((path, index) => {
    const inside = tree
      .filter((entry) => entry.kind !== 'folder' && folderOf(entry.path) === path)
      .sort((a, b) => comparePaths(nameOf(a.path), nameOf(b.path)));
    const files = inside.map((entry, position) => {
      if (entry.kind === 'file' && entry.bytes.length > 0)
        blocks.push({ folder: index + 1, file: position + 1, bytes: entry.bytes });
      return fileRecord(entry, time);
    });
    const mode = tree.find((entry) => entry.path === path)?.mode ?? 0o755;
    return record({ 1: path, 2: rights(mode), 3: files });
  });
  return { folders, files: blocks };
}

function fileRecord(entry: Entry, time: number): Fields {
  if (entry.kind === 'link') {
    const type = Buffer.alloc(2);
    type.writeUInt16LE(SYMBOLIC_LINK);
    const text = Buffer.from(entry.target);
    const target = Buffer.concat([type, text]);
    return record({ 1: nameOf(entry.path), 2: rights(0o777), 3: text.length, 4: time, 6: target });
  }
  const bytes = entry.kind === 'file' ? entry.bytes : new Uint8Array();
  const hash = createHash('sha256').update(bytes).digest();
  const name = nameOf(entry.path);
  return record({ 1: name, 2: rights(entry.mode), 3: bytes.length, 4: time, 5: hash });
}

function rights(mode: number): Fields {
  return record({ 1: mode, 2: 'root', 3: 'root' });
}

function scriptsOf({ name, scripts }: Contents): Record<number, string | undefined> {
  const postinst = postinstLines(name, scripts);
  const { preinst } = scripts;
  const upgrade = 'export PKG_UPGRADE=1\n';
  return {
    2: preinst === undefined ? undefined : `#!/bin/sh\n${preinst}`,
    3: `#!/bin/sh\n${postinst}`,
    4: `#!/bin/sh\n${prermLines(name, scripts)}`,
    5: scripts.postrm === undefined ? undefined : `#!/bin/sh\n${scripts.postrm}`,
    6: preinst === undefined ? undefined : `#!/bin/sh\n${upgrade}${preinst}`,
    7: `#!/bin/sh\n${upgrade}${postinst}`,
  };
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
