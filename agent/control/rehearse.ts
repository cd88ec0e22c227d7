// `kith up --rehearse`: what `kith up` would do to this machine, in commands that a person can read
// and could type. Nothing is written and nothing is changed.

import type { Board } from '../../board/board.js';
import { detect } from '../../board/detect.js';
import { look } from '../../board/hands.js';
import { ipLine } from '../../board/iplines.js';
import { linkLines, routeStep } from '../../board/link.js';
import { overlaySteps } from '../../board/overlay.js';
import { planSteps } from '../../board/plan.js';
import { preflight } from '../../board/preflight.js';
import { rehearse, rehearseUndo } from '../../board/rehearsal.js';
import type { Prefix } from '../bytes/address.js';
import { planRoutes } from '../config/routes.js';
import type { Config } from '../config/schema.js';
import { meshPrefix } from '../identity/overlay.js';
import { Folder } from './folder.js';
import { readRoster } from './rosterfile.js';
import { FileStore, overlay } from './store.js';

export type RehearseOptions = Readonly<{
  statePath: string;
  config?: string | undefined;
  settings: readonly string[];
  print: (line: string) => void;
}>;

/** Resolves to 0 where `kith up` would start, else to 1. Throws Failure as `kith up` would. */
export async function rehearseUp(
  options: RehearseOptions,
  board: Board = detect(look),
): Promise<number> {
  const folder = new Folder(options.statePath, options.config);
  const refuse = () => {
    throw new RangeError('a rehearsal makes no keys');
  };
  const isFirst = folder.readConfig() === undefined;
  const written = new FileStore(folder, refuse).check((config) => config);
  const config = overlay(written, options.settings);
  const { name: interfaceName } = config.interface;
  const lacking = await preflight({ interfaceName, port: config.listen.port });
  for (const line of script(board, config, folder, isFirst)) options.print(line);
  if (lacking === undefined) return 0;
  options.print('');
  options.print(`# It would not start: ${lacking}`);
  return 1;
}

function script(board: Board, config: Config, folder: Folder, isFirst: boolean): string[] {
  const { interface: link, listen } = config;
  const { firewall, led } = config.board;
  const steps = planSteps({ device: link.name, port: listen.port, firewall, led });
  const undo = rehearseUndo(board, steps, look);
  return [
    `# What \`kith up\` would do on this machine: ${board.model}, ${board.system}.`,
    '# Lines are commands that do the same; nothing of it was done.',
    ...(isFirst
      ? ['', `# A first start: ${folder.path} gets an identity, kith.json, and addresses.`]
      : []),
    '',
    '# The interface',
    `ip tuntap add dev ${link.name} mode tun`,
    ...linkLines(link).map((line) => `ip ${line}`),
    ...section('Routes to the peers of kith.json', peerRoutes(config)),
    ...section('The mesh', meshLines(config, folder)),
    ...section('The system around it', rehearse(board, steps, look)),
    '',
    `# It listens on UDP port ${listen.port === 0 ? 'of its own choice' : listen.port}.`,
    '',
    '# When it ends: the interface goes, and with it its addresses and routes',
    `ip link del dev ${link.name}`,
    ...undo,
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `# ${title}`, ...lines];
}

/** Names are looked up when it runs; a route that would hide one of them is left out then. */
function peerRoutes(config: Config): string[] {
  const { routes, skipped } = planRoutes(config, new Map());
  return [
    ...routes.map((prefix) => `ip ${ipLine(routeStep(config.interface.name, prefix))}`),
    ...skipped.map((why) => `# ${why}`),
  ];
}

/** Addresses and offers of members are known when it runs; the mesh's own prefix is known now. */
function meshLines(config: Config, folder: Folder): string[] {
  const roster = readRoster(folder);
  if (!roster) return [];
  const routes: Prefix[] = [meshPrefix(roster.meshKey)];
  const steps = overlaySteps(config.interface.name, { addresses: [], routes });
  return [
    "# this node's addresses in the mesh, and routes to what members offer, as the roster has them",
    ...steps.routes.map((step) => `ip ${ipLine(step)}`),
  ];
}
