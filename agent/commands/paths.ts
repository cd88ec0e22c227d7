// `kith paths`: the peers again, seen from how they are reached; with --mesh also by each other.

import type { Handler } from './command.js';
import type { MeshPath, PeerStatus } from './context.js';
import { Failure } from './failure.js';
import { formatTable } from './table.js';

type Paths = Readonly<{
  paths: readonly Pick<PeerStatus, 'name' | 'endpoint' | 'path'>[];
  mesh?: readonly MeshPath[]; // those of this node as well
}>;

type Given = Readonly<{ mesh: boolean }>;

export const paths: Handler<Given, Paths> = {
  async run(context, { mesh }) {
    const { agent } = context;
    if (!agent) throw new Failure('no agent is running');
    const others = mesh ? { mesh: (await agent.meshPaths?.()) ?? [] } : {};
    const { peers } = agent.status();
    return {
      paths: peers.map(({ name, endpoint, path }) => ({ name, endpoint, path })),
      ...others,
    };
  },
  show({ paths: list, mesh }) {
    if (mesh) return formatMesh(mesh);
    if (list.length === 0) return 'no peers yet';
    const head = ['peer', 'path', 'RTT', 'MTU', 'endpoint'];
    const rows = list.map(({ name, endpoint, path }) => [
      name,
      formatPath(path),
      milliseconds(path.rttMs),
      path.mtu === null ? '-' : String(path.mtu),
      endpoint ?? '-',
    ]);
    const why = list.flatMap(({ name, path: { reason } }) =>
      reason === null ? [] : [`${name}: ${reason.evidence}. ${reason.advice}`],
    );
    return [formatTable([head, ...rows]), ...(why.length > 0 ? ['', ...why] : [])].join('\n');
  },
};

/** One row for two that say the same of each other. */
function formatMesh(mesh: readonly MeshPath[]): string {
  if (mesh.length === 0) return 'no path to a member now, so nobody to ask';
  const rows = new Map<string, string[]>();
  for (const path of mesh) {
    const { from, to, rttMs } = path;
    const pair = from < to ? [from, to] : [to, from];
    const key = [...pair, formatPath(path)].join('\0');
    const row = rows.get(key);
    if (!row) rows.set(key, [...pair, formatPath(path), milliseconds(rttMs)]);
    else if (row[3] === '-') row[3] = milliseconds(rttMs);
  }
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  return formatTable([['member', 'member', 'path', 'RTT'], ...sorted]);
}

function formatPath({ class: kind, via }: Readonly<{ class: string; via: string | null }>): string {
  return via === null ? kind : `${kind} by ${via}`;
}

function milliseconds(rttMs: number | null): string {
  return rttMs === null ? '-' : `${rttMs.toFixed(1)} ms`;
}
