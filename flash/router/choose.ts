// Which packages fit a machine, and whether it has the room: decided before anything is sent.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { Failure, systemCode } from '../../agent/commands/failure.js';
import { formatBytes } from '../../agent/commands/table.js';
import type { PackageTool, Probe } from './probe.js';

const RowSchema = v.object({
  file: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.+~-]+$/, 'is no plain file name')),
  package: v.picklist(['kith', 'kith-runtime']),
  kind: v.picklist(['ipk', 'apk', 'deb']),
  architectures: v.array(v.string()),
  version: v.string(),
  bytes: v.number(),
  installedBytes: v.number(),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
});

export type Row = v.InferOutput<typeof RowSchema>;

export const LIST_FILE = 'packages.json';
const KINDS: Readonly<Record<PackageTool, Row['kind']>> = { opkg: 'ipk', apk: 'apk', dpkg: 'deb' };
/** Node alone takes 60 MiB, a router's own programs as much: of 128 MiB nothing would be left. */
const MEMORY_MIN = 200 * 2 ** 20;
const SPARE = 2 * 2 ** 20; // bytes: nobody fills a flash to its last block

/** What `kith flash package` wrote. Throws Failure. */
export function readList(folder: string): Row[] {
  const path = join(folder, LIST_FILE);
  try {
    const rows = v.safeParse(v.array(RowSchema), JSON.parse(readFileSync(path, 'utf8')));
    if (rows.success) return rows.output;
  } catch (error) {
    if (systemCode(error) === 'ENOENT')
      throw new Failure(
        `${path} is missing: \`kith flash package --all --out ${folder}\` makes it`,
      );
    if (systemCode(error) !== undefined) throw new Failure(`cannot read ${path}`);
  }
  throw new Failure(`${path} is damaged: make the packages anew with \`kith flash package\``);
}

/** The files to install, in that order. Throws Failure with everything that speaks against it. */
export function choose(probe: Probe, rows: readonly Row[]): Row[] {
  const { manager, architectures, machine } = probe;
  if (manager === undefined)
    throw new Failure(`it has none of opkg, apk and dpkg: kith installs on OpenWrt and Debian`);
  const fitting = rows.filter(
    (row) =>
      row.kind === KINDS[manager] && row.architectures.some((one) => architectures.includes(one)),
  );
  const chosen = (['kith-runtime', 'kith'] as const).map((name) =>
    fitting.filter((row) => row.package === name).at(-1),
  );
  const [runtime, agent] = chosen;
  if (!runtime || !agent) {
    const has = [...new Set(rows.flatMap((row) => row.architectures))].join(', ');
    const is = architectures.join(', ') || machine;
    throw new Failure(
      `there is no package for its CPU (${is}, ${manager}); there are: ${has || 'none'}`,
    );
  }
  const against = problemsOf(probe, [runtime, agent]);
  if (against.length > 0) throw new Failure(`nothing was changed: ${against.join('; ')}`);
  return [runtime, agent];
}

function problemsOf({ root, memory, upload, install, installed }: Probe, rows: readonly Row[]) {
  const against: string[] = [];
  const sum = (key: 'bytes' | 'installedBytes') => rows.reduce((all, row) => all + row[key], 0);
  const files = sum('bytes') + SPARE;
  const flash = (installed === '' ? sum('installedBytes') : 0) + SPARE; // else the old ones go
  if (!root) against.push('it takes root there: log in as root@…');
  if (memory < MEMORY_MIN)
    against.push(`it has ${formatBytes(memory)} of memory, kith needs ${formatBytes(MEMORY_MIN)}`);
  if (upload.on === install.on) {
    if (install.free < files + flash)
      against.push(
        `${install.on} has ${formatBytes(install.free)} free, kith needs ` +
          `${formatBytes(flash)}, and ${formatBytes(files)} while it is installed`,
      );
    return against;
  }
  if (upload.free < files)
    against.push(`/tmp has ${formatBytes(upload.free)} free, the files need ${formatBytes(files)}`);
  if (install.free < flash)
    against.push(
      `${install.on} has ${formatBytes(install.free)} free, kith needs ${formatBytes(flash)}: ` +
        'a USB stick as overlay (extroot) makes room',
    );
  return against;
}
