// A small package with everything in it that formats differ about: an empty file, a link, a long
// path, a file that somebody may change, scripts that leave a trace.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Contents } from '../../../flash/package/contents.js';
import { file, link, treeOf } from '../../../flash/package/tree.js';

export const LONG = `opt/sample/${'deep/'.repeat(22)}file`; // 126 letters: more than a header has

export function sample(version: string, more: Partial<Contents> = {}): Contents {
  const trace = (name: string) => `echo "${name} $1 \${PKG_UPGRADE:-}" >>/trace\n`;
  return {
    name: 'sample',
    version,
    revision: 1,
    architecture: 'all',
    summary: 'a package for tests',
    depends: [],
    section: 'net',
    tree: treeOf([
      file('usr/bin/sample', `#!/bin/sh\necho ${version}\n`, 0o755),
      file('etc/config/sample', `version ${version}\n`, 0o600),
      file('opt/sample/empty', ''),
      file('opt/sample/large', new Uint8Array(70_000).fill(7)),
      file(LONG, 'deep\n'),
      link('opt/sample/link', 'empty'),
    ]),
    conffiles: ['etc/config/sample'],
    time: 1_700_000_000,
    scripts: {
      preinst: trace('preinst'),
      postinst: trace('postinst'),
      prerm: trace('prerm'),
      postrm: trace('postrm'),
    },
    ...more,
  };
}

/** A folder that is gone when the process ends. */
export function folder(name: string): string {
  const path = mkdtempSync(join(tmpdir(), `kith-${name}-`));
  process.on('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}
