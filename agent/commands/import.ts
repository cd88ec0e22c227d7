// `kith import`: a wg-quick configuration becomes this node's own.

import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { Config } from '../config/schema.js';
import { parseQuick, type Quick } from '../config/wgquick.js';
import { safeName } from '../config/words.js';
import type { Handler } from './command.js';
import type { KeyFile } from './context.js';
import { Failure, systemCode } from './failure.js';

const FILE_BYTES_MAX = 16 * 1024 * 1024;

type Given = Readonly<{ file: string; dryRun: boolean; replace: boolean }>;
type Imported = Readonly<{
  interface: string;
  addresses: readonly string[];
  port: number;
  peers: readonly string[];
  files: readonly string[];
  notes: readonly string[];
  dryRun: boolean;
}>;

export const importQuick: Handler<Given, Imported> = {
  async run(context, { file, dryRun, replace }) {
    if (context.agentRuns && !dryRun)
      throw new Failure('an agent is running on this state folder: stop it, then import');
    const parsed = parseQuick(readQuick(file));
    if ('problems' in parsed)
      throw new Failure(
        `${file} was not taken over:`,
        parsed.problems.map(({ line, problem }) => ({ path: `line ${line}`, problem })),
      );
    const { quick } = parsed;
    const keys = keyFiles(quick, interfaceName(file));
    let result: Config | undefined;
    const change = (before: Config) => {
      if (before.peers.length > 0 && !replace)
        throw new Failure(
          `this node has peers already (${before.peers.length}): --replace drops them, or import ` +
            'into another folder with --state DIR',
        );
      result = takenOver(before, quick, interfaceName(file));
      return result;
    };
    if (dryRun) await context.store.check(change);
    else await context.store.update(change, keys);
    return {
      interface: interfaceName(file),
      addresses: quick.addresses,
      port: quick.port,
      peers: (result?.peers ?? []).map((peer) => peer.name),
      files: keys.map((key) => key.name),
      notes: quick.notes,
      dryRun,
    };
  },
  show(result, _given, view) {
    for (const note of result.notes) view.remark(note);
    const verb = result.dryRun ? 'would take over' : 'took over';
    const addresses = result.addresses.join(', ') || 'no address';
    const lines = [
      `${verb} ${result.interface} with ${addresses}, UDP port ${result.port}`,
      `peers: ${result.peers.join(', ') || 'none'}`,
      `keys in files of their own: ${result.files.join(', ')}`,
    ];
    if (!result.dryRun)
      lines.push(`next: wg-quick down ${result.interface}, if it is up, then kith up`);
    return lines.join('\n');
  },
};

function readQuick(file: string): string {
  try {
    if (statSync(file).size > FILE_BYTES_MAX) throw new Failure(`${file} is larger than 16 MiB`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    throw new Failure(`cannot read ${file}: ${code === 'ENOENT' ? 'there is no such file' : code}`);
  }
}

/** As wg-quick names it: after the file. Rules of a firewall that name it stay right. */
function interfaceName(file: string): string {
  const name = basename(file).replace(/\.conf$/, '');
  if (/^[A-Za-z0-9_=+.-]{1,15}$/.test(name)) return name;
  return safeName(name, 'kith0').slice(0, 15);
}

function takenOver(before: Config, quick: Quick, name: string): Config {
  return {
    ...before,
    listen: { port: quick.port },
    interface: {
      name,
      mtu: quick.mtu ?? before.interface.mtu,
      addresses: [...quick.addresses],
    },
    privateKeyFile: `${name}.key`,
    peers: quick.peers.map(({ peer, presharedKey }) => ({
      ...peer,
      presharedKeyFile: presharedKey === null ? null : `${peer.name}.psk`,
    })),
  };
}

function keyFiles(quick: Quick, name: string): KeyFile[] {
  const shared = quick.peers.flatMap(({ peer, presharedKey }) =>
    presharedKey === null ? [] : [{ name: `${peer.name}.psk`, key: presharedKey }],
  );
  return [{ name: `${name}.key`, key: quick.privateKey }, ...shared];
}
