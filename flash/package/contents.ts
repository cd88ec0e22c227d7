// What a package is, whatever the format: opkg, apk and dpkg get the same facts in their own words.

import type { Tree } from './tree.js';

/** Lines of POSIX sh, without `#!`; `set -e` is not in force. */
export type Scripts = Readonly<{
  preinst?: string;
  postinst?: string;
  prerm?: string;
  postrm?: string;
}>;

export type Contents = Readonly<{
  name: string;
  version: string; // as package.json has it: 1.2.3 or 1.2.3-beta.1
  revision: number; // of the packaging, from 1
  architecture: string; // in the words of the format
  summary: string; // one line
  depends: readonly string[];
  section: string;
  tree: Tree;
  conffiles: readonly string[]; // paths as in the tree: kept on an upgrade if somebody changed them
  scripts: Scripts;
  time: number; // Unix seconds, for all files: the time of the release, not of the packaging
}>;

export const MAINTAINER = 'kith <kith@localhost>';
export const LICENSE = 'MIT';

const VERSION = /^(\d+(?:\.\d+){0,3})(?:-(alpha|beta|pre|rc)\.?(\d+))?$/;

/**
 * The version in the words of a package manager. A pre-release comes before its release in all of
 * them: `~` in dpkg and opkg, `_` in apk. Undefined for a text that cannot be said in all three.
 */
export function packageVersion(
  version: string,
  revision: number,
  format: 'opkg' | 'apk' | 'dpkg',
): string | undefined {
  const [, plain, kind, number] = VERSION.exec(version) ?? [];
  if (plain === undefined) return undefined;
  const before = kind === undefined ? '' : `${format === 'apk' ? '_' : '~'}${kind}${number}`;
  return `${plain}${before}-${format === 'dpkg' ? '' : 'r'}${revision}`;
}

/** The same, for contents whose version was checked at the start. Throws RangeError. */
export function versionOf(contents: Contents, format: 'opkg' | 'apk' | 'dpkg'): string {
  const text = packageVersion(contents.version, contents.revision, format);
  if (text === undefined) throw new RangeError(`"contents" has the version ${contents.version}`);
  return text;
}

/** `Field: value` lines (deb-control(5)); empty values are left out. */
export function controlText(fields: readonly (readonly [string, string])[]): string {
  return fields
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}
