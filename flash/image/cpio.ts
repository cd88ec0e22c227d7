// An archive as Linux unpacks it into its first root ("newc", Documentation/driver-api/
// early-userspace/buffer-format.rst of the kernel): for each file a header of 110 characters, the
// name, the contents, each filled up to four bytes.

import type { Entry, Tree } from '../package/tree.js';

const KIND = { file: 0o100000, folder: 0o040000, link: 0o120000 };
const END = 'TRAILER!!!';

export function writeCpio(tree: Tree): Uint8Array {
  const pieces = tree.flatMap((entry, index) =>
    record(entry.path, index + 1, modeOf(entry), contents(entry)),
  );
  return Buffer.concat([...pieces, ...record(END, 0, 0, new Uint8Array())]);
}

function record(name: string, inode: number, mode: number, bytes: Uint8Array): Uint8Array[] {
  const text = Buffer.from(`${name}\0`);
  // inode, mode, user, group, links, time, length, four of devices, length of the name, check
  const numbers = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, text.length, 0];
  const fields = numbers.map((number) => number.toString(16).padStart(8, '0')).join('');
  const header = Buffer.concat([Buffer.from(`070701${fields}`), text]);
  return [header, padding(header.length), bytes, padding(bytes.length)];
}

function modeOf(entry: Entry): number {
  return KIND[entry.kind] | entry.mode;
}

function contents(entry: Entry): Uint8Array {
  if (entry.kind === 'file') return entry.bytes;
  return entry.kind === 'link' ? Buffer.from(entry.target) : new Uint8Array();
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
