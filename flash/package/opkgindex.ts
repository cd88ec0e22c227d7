// The index of a feed for opkg: `Packages`, an entry per package and architecture. OpenWrt has an
// architecture per kind of core, and our packages fit all cores of a family: one file has several
// entries.

import { createHash } from 'node:crypto';
import { type Contents, controlText } from './contents.js';
import { ipkFields } from './ipk.js';

export type Indexed = Readonly<{
  contents: Contents;
  architectures: readonly string[]; // as `opkg print-architecture` has them on the routers
  fileName: string;
  bytes: Uint8Array;
}>;

export function writeOpkgIndex(packages: readonly Indexed[]): Uint8Array {
  const entries = packages.flatMap(({ contents, architectures, fileName, bytes }) =>
    architectures.map((architecture) =>
      controlText([
        ...ipkFields(contents, architecture),
        ['Filename', fileName],
        ['Size', `${bytes.length}`],
        ['SHA256sum', createHash('sha256').update(bytes).digest('hex')],
        ['Description', contents.summary],
      ]),
    ),
  );
  return Buffer.from(entries.map((entry) => `${entry}\n`).join(''));
}
