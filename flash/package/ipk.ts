// A package for opkg (OpenWrt up to 24.10): gzip around a tar of `debian-binary`, `data.tar.gz` and
// `control.tar.gz`, in this order; no ar as Debian has it.

import { type Contents, controlText, LICENSE, MAINTAINER, versionOf } from './contents.js';
import { postinstLines, prermLines } from './openwrtscripts.js';
import { gzip, writeTar } from './tar.js';
import { type Entry, file, sizeOf, treeOf } from './tree.js';

export function writeIpk(contents: Contents): Uint8Array {
  const { tree, time } = contents;
  const parts = [
    file('debian-binary', '2.0\n'),
    file('data.tar.gz', gzip(writeTar(tree, time))),
    file('control.tar.gz', gzip(writeTar(treeOf(controlFiles(contents)), time))),
  ];
  return gzip(writeTar(parts, time)); // not sorted: opkg reads them in this order
}

/** The fields of an entry in `control` and, with three more, in a feed's `Packages`. */
export function ipkFields(contents: Contents, architecture = contents.architecture) {
  const fields: [string, string][] = [
    ['Package', contents.name],
    ['Version', versionOf(contents, 'opkg')],
    ['Depends', contents.depends.join(', ')],
    ['License', LICENSE],
    ['Section', contents.section],
    ['Maintainer', MAINTAINER],
    ['Architecture', architecture],
    ['Installed-Size', `${sizeOf(contents.tree)}`], // bytes here, KiB in Debian
  ];
  return fields;
}

function controlFiles(contents: Contents): Entry[] {
  const { conffiles, scripts, summary } = contents;
  const control = controlText([...ipkFields(contents), ['Description', summary]]);
  const files: Entry[] = [file('control', control)];
  if (conffiles.length > 0)
    files.push(file('conffiles', conffiles.map((path) => `/${path}\n`).join('')));
  if (scripts.preinst !== undefined)
    files.push(file('preinst', `#!/bin/sh\n${scripts.preinst}`, 0o755));
  files.push(
    file('postinst', `#!/bin/sh\n${postinstLines(contents.name, scripts)}`, 0o755),
    file('prerm', `#!/bin/sh\n${prermLines(contents.name, scripts)}`, 0o755),
  );
  if (scripts.postrm !== undefined)
    files.push(file('postrm', `#!/bin/sh\n${scripts.postrm}`, 0o755));
  return files;
}
