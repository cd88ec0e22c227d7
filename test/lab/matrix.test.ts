// deadline: 300
// slow: fifteen pairs of homes, each behind a real NAT
// needs: tun, iputils-ping, nftables
// Every pair of NATs in a mesh with one public member that tracks and relays: the first packet goes
// through at once, and the path becomes direct wherever NATs of these kinds allow it.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { HomeKind } from '../../agent/control/lab/internet.js';
import { Agent } from './agents.js';
import { makeInternet } from './nat.js';

const matrix = suite('lab/matrix');

const KINDS = [
  'public',
  'full-cone',
  'address-restricted',
  'port-restricted',
  'symmetric',
] as const satisfies readonly HomeKind[];

/** RFC 4787 in short: a port that is new for each destination is only found by those it sent to. */
function mayBeDirect(a: HomeKind, b: HomeKind): boolean {
  const hard = [a, b].filter((kind) => kind === 'symmetric').length;
  const picky = [a, b].includes('port-restricted');
  return hard === 0 || (hard === 1 && !picky);
}

const DIRECT_MS = 5_000;

matrix('each pair of NATs', async () => {
  const { lab, internet } = await makeInternet('matrix');
  try {
    await internet.addHome('hub', 'public');
    const hub = new Agent(lab, 'hub');
    await hub.must(['init', '--name', 'hub']);
    await hub.up();
    // Two homes of each kind, so that a kind meets itself as well.
    const agents = new Map<string, Agent>();
    for (const kind of KINDS) {
      for (const twin of ['a', 'b']) {
        const label = `${kind.replace('-restricted', '')}-${twin}`;
        await internet.addHome(label, kind);
        const agent = new Agent(lab, label);
        await agent.must(['join', '-'], await hub.invite(label));
        await agent.up('mesh.portMapping=false', 'mesh.discovery.lan=false');
        agents.set(`${kind}-${twin}`, agent);
      }
    }
    const rows: string[] = [];
    const failures: string[] = [];
    for (const [i, one] of KINDS.entries()) {
      for (const other of KINDS.slice(i)) {
        const a = agents.get(`${one}-a`) as Agent;
        const b = agents.get(`${other}-b`) as Agent;
        await lab.waitFor(() => a.hasPeer(b.label), 10_000, `${b.label} in the roster`);
        const first = await a.ping(await b.address(), 3);
        const start = performance.now();
        const wanted = mayBeDirect(one, other) ? 'direct' : 'relay';
        await lab
          .waitFor(
            async () => {
              await a.ping(await b.address(), 1);
              return (await a.peer(b.label)).path.class === wanted;
            },
            DIRECT_MS,
            'path',
          )
          .catch(() => undefined);
        const { path } = await a.peer(b.label);
        const ms = Math.round(performance.now() - start);
        rows.push(`${one} - ${other}: ${Math.round(first)} ms, ${path.class} after ${ms} ms`);
        if (first < 0) failures.push(`${one} - ${other}: nothing gets through`);
        if (path.class !== wanted)
          failures.push(`${one} - ${other}: ${path.class}, ${JSON.stringify(path.reason)}`);
        if (wanted === 'relay' && path.reason === null)
          failures.push(`${one} - ${other}: no reason why it is relayed`);
      }
    }
    console.log(rows.join('\n'));
    assert.equal(failures, [], failures.join('\n'));
  } finally {
    await lab.dispose();
  }
});

matrix.run();
