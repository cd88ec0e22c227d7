// `kith paths`: the peers again, seen from how they are reached.

import type { Handler } from './command.js';
import type { PeerStatus } from './context.js';
import { Failure } from './failure.js';
import { formatTable } from './table.js';

type Paths = Readonly<{ paths: readonly Pick<PeerStatus, 'name' | 'endpoint' | 'path'>[] }>;

export const paths: Handler<unknown, Paths> = {
  run(context) {
    if (!context.agent) throw new Failure('no agent is running');
    const { peers } = context.agent.status();
    return { paths: peers.map(({ name, endpoint, path }) => ({ name, endpoint, path })) };
  },
  show({ paths: list }) {
    if (list.length === 0) return 'no peers yet';
    const head = ['peer', 'path', 'RTT', 'MTU', 'endpoint'];
    const rows = list.map(({ name, endpoint, path }) => [
      name,
      path.via === null ? path.class : `${path.class} by ${path.via}`,
      path.rttMs === null ? '-' : `${path.rttMs.toFixed(1)} ms`,
      path.mtu === null ? '-' : String(path.mtu),
      endpoint ?? '-',
    ]);
    const why = list.flatMap(({ name, path: { reason } }) =>
      reason === null ? [] : [`${name}: ${reason.evidence}. ${reason.advice}`],
    );
    return [formatTable([head, ...rows]), ...(why.length > 0 ? ['', ...why] : [])].join('\n');
  },
};
