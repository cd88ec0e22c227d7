// Entries of a folder of FAT, 32 bytes each. A long name stands before its short one, in pieces of
// 13 UTF-16 characters, last piece first:
//
//   long   order u8 │ 5 characters │ 0f 00 checksum │ 6 characters │ 0000 │ 2 characters
//   short  11 characters │ attributes u8 │ … │ cluster high u16 │ time, date │ cluster low │ length

export const ENTRY = 32;
const DELETED = 0xe5;
const LONG = 0x0f;
const LABEL = 0x08;
const FOLDER = 0x10;
const ARCHIVE = 0x20;
const PIECE = 13;

export type Found = Readonly<{
  at: number; // of the short entry, in bytes
  cluster: number;
  length: number;
  folder: boolean;
}>;

/** The entry of this name, long or short, upper or lower case. */
export function findEntry(root: Uint8Array, name: string): Found | undefined {
  const wanted = name.toLowerCase();
  let long = '';
  for (let at = 0; at + ENTRY <= root.length && root[at] !== 0; at += ENTRY) {
    const entry = root.subarray(at, at + ENTRY);
    const attributes = entry[11] ?? 0;
    if (entry[0] === DELETED) long = '';
    else if ((attributes & 0x3f) === LONG) long = pieceOf(entry) + long;
    else {
      const full = long;
      long = '';
      if (attributes & LABEL) continue;
      if (full.toLowerCase() !== wanted && shortText(entry).toLowerCase() !== wanted) continue;
      const view = new DataView(entry.buffer, entry.byteOffset, ENTRY);
      const cluster = view.getUint16(20, true) * 65536 + view.getUint16(26, true);
      const length = view.getUint32(28, true);
      return { at, cluster, length, folder: (attributes & FOLDER) !== 0 };
    }
  }
  return undefined;
}

/** Where so many entries in a row are free, in bytes. */
export function freeSlots(root: Uint8Array, count: number): number | undefined {
  let run = 0;
  let ended = false; // behind an entry that begins with 0 all are free
  for (let at = 0; at + ENTRY <= root.length; at += ENTRY) {
    ended ||= root[at] === 0;
    run = ended || root[at] === DELETED ? run + 1 : 0;
    if (run === count) return at - (count - 1) * ENTRY;
  }
  return undefined;
}

/** The entries of a new file with this name, the short one last, which points nowhere yet. */
export function makeEntries(root: Uint8Array, name: string): Uint8Array {
  const short = freeAlias(root, name);
  let sum = 0;
  for (const byte of short) sum = (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff;
  const count = Math.ceil(name.length / PIECE);
  const entries = new Uint8Array((count + 1) * ENTRY);
  for (let i = 0; i < count; i++) {
    const order = count - i; // the last piece comes first
    const entry = new DataView(entries.buffer, i * ENTRY, ENTRY);
    entry.setUint8(0, order | (i === 0 ? 0x40 : 0));
    entry.setUint8(11, LONG);
    entry.setUint8(13, sum);
    for (const [k, at] of PLACES.entries()) {
      const index = (order - 1) * PIECE + k;
      const code =
        index < name.length ? name.charCodeAt(index) : index === name.length ? 0 : 0xffff;
      entry.setUint16(at, code, true);
    }
  }
  entries.set(short, count * ENTRY);
  entries[count * ENTRY + 11] = ARCHIVE;
  return entries;
}

/** Where the 13 characters lie in a long entry. */
const PLACES = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

/** Makes a short entry point to contents, written at this local time. */
export function pointAt(entry: Uint8Array, cluster: number, length: number, at: Date): void {
  const view = new DataView(entry.buffer, entry.byteOffset, ENTRY);
  const year = Math.min(127, Math.max(0, at.getFullYear() - 1980));
  const date = (year << 9) | ((at.getMonth() + 1) << 5) | at.getDate();
  const time = (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1);
  view.setUint16(20, cluster >>> 16, true);
  view.setUint16(22, time, true);
  view.setUint16(24, date, true);
  view.setUint16(26, cluster & 0xffff, true);
  view.setUint32(28, length, true);
}

function pieceOf(entry: Uint8Array): string {
  const view = new DataView(entry.buffer, entry.byteOffset, ENTRY);
  const codes = PLACES.map((at) => view.getUint16(at, true));
  const end = codes.indexOf(0);
  return String.fromCharCode(...(end < 0 ? codes : codes.slice(0, end)));
}

function shortText(entry: Uint8Array): string {
  const text = Buffer.from(entry.subarray(0, 11)).toString('latin1');
  const [stem, ending] = [text.slice(0, 8).trimEnd(), text.slice(8).trimEnd()];
  return ending === '' ? stem : `${stem}.${ending}`;
}

/** `KITH-S~1.JSO`: eleven characters that nobody else in this folder has. */
function freeAlias(root: Uint8Array, name: string): Uint8Array {
  const clean = (text: string) => text.toUpperCase().replace(/[^A-Z0-9_-]/g, '');
  const dot = name.lastIndexOf('.');
  const stem = clean(dot > 0 ? name.slice(0, dot) : name);
  const ending = clean(dot > 0 ? name.slice(dot + 1) : '').slice(0, 3);
  for (let number = 1; number < 1000; number++) {
    const tail = `~${number}`;
    const text = (stem.slice(0, 8 - tail.length) + tail).padEnd(8) + ending.padEnd(3);
    const alias = new Uint8Array(Buffer.from(text, 'latin1'));
    if (!findEntry(root, shortText(alias))) return alias;
  }
  throw new RangeError(`"name" has a thousand others like it: ${name}`);
}
