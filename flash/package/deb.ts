// A package for dpkg (deb(5)): ar around `debian-binary`, `control.tar.gz` and `data.tar.gz`.

import { createHash } from 'node:crypto';
import { writeAr } from './ar.js';
import { type Contents, controlText, MAINTAINER, versionOf } from './contents.js';
import { gzip, writeTar } from './tar.js';
import { type Entry, file, sizeOf, treeOf } from './tree.js';

export function writeDeb(contents: Contents): Uint8Array {
  const { tree, time } = contents;
  return writeAr(
    [
      { name: 'debian-binary', bytes: Buffer.from('2.0\n') },
      { name: 'control.tar.gz', bytes: gzip(writeTar(treeOf(controlFiles(contents)), time)) },
      { name: 'data.tar.gz', bytes: gzip(writeTar(tree, time)) },
    ],
    time,
  );
}

function controlFiles(contents: Contents): Entry[] {
  const { name, architecture, depends, section, summary, tree, conffiles } = contents;
  const control = controlText([
    ['Package', name],
    ['Version', versionOf(contents, 'dpkg')],
    ['Architecture', architecture],
    ['Maintainer', MAINTAINER],
    ['Installed-Size', `${Math.ceil(sizeOf(tree) / 1024)}`],
    ['Depends', depends.join(', ')],
    ['Section', section],
    ['Priority', 'optional'],
    ['Description', summary],
  ]);
  const files = [file('control', control), file('md5sums', sums(contents))];
  if (conffiles.length > 0)
    files.push(file('conffiles', conffiles.map((path) => `/${path}\n`).join('')));
  for (const [script, lines] of Object.entries(contents.scripts))
    files.push(file(script, `#!/bin/sh\nset -e\n${lines}`, 0o755));
  return files;
}

/** What `dpkg --verify` compares with. Conffiles have their own sums. */
function sums({ tree, conffiles }: Contents): string {
  return tree
    .flatMap((entry) => {
      if (entry.kind !== 'file' || conffiles.includes(entry.path)) return [];
      return [`${createHash('md5').update(entry.bytes).digest('hex')}  ${entry.path}\n`];
    })
    .join('');
}
