// deadline: 240
// needs: tun, iputils-ping, nftables
// What happens in a mesh that is in use: an address changes, the tracker goes, the relay goes, an
// agent is killed and comes back. Measured in lost pings of a stream of five a second.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Agent } from './agents.js';
import { makeInternet } from './nat.js';

const moves = suite('lab/moves');

const GAP_MS = 200;

/** Pings until `stop`, which gives the longest silence in milliseconds. */
function stream(agent: Agent, address: string): { stop(): Promise<number> } {
  const flags = ['-i', `${GAP_MS / 1000}`, '-O', '-n', address];
  const daemon = agent.lab.spawn(agent.label, 'ping', ...flags);
  return {
    async stop() {
      await daemon.stop();
      const lines = daemon.stdout.split('\n').filter((line) => /bytes from|no answer/.test(line));
      let longest = 0;
      let run = 0;
      for (const line of lines) {
        run = line.includes('bytes from') ? 0 : run + 1;
        longest = Math.max(longest, run);
      }
      assert.ok(
        lines.some((line) => line.includes('bytes from')),
        daemon.log,
      );
      return longest * GAP_MS;
    },
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

type Mesh = Awaited<ReturnType<typeof makeMesh>>;

/** A hub that anybody reaches, another one beside it, and two homes. */
async function makeMesh(
  name: string,
  kinds: readonly ['symmetric' | 'port-restricted', ...string[]],
) {
  const { lab, internet } = await makeInternet(name);
  await internet.addHome('hub', 'public');
  await internet.addHome('hub2', 'public');
  await internet.addHome('anna', kinds[0]);
  await internet.addHome('ben', kinds[0]);
  const agents = ['hub', 'hub2', 'anna', 'ben'].map((label) => new Agent(lab, label));
  const [hub, hub2, anna, ben] = agents as [Agent, Agent, Agent, Agent];
  await hub.must(['init', '--name', 'hub']);
  await hub.up('mesh.discovery.lan=false');
  for (const agent of [hub2, anna, ben]) {
    await agent.must(['join', '-'], await hub.invite(agent.label));
    await agent.up('mesh.portMapping=false', 'mesh.discovery.lan=false');
  }
  await lab.waitFor(() => anna.hasPeer('ben'), 10_000, 'ben in the roster');
  await lab.waitFor(async () => (await hub2.status()).mesh?.reachable, 60_000, 'hub2 reachable');
  return { lab, internet, hub, hub2, anna, ben };
}

async function meet({ lab, anna, ben }: Mesh, kind: 'direct' | 'relay'): Promise<string> {
  const address = await ben.address();
  await lab.waitFor(
    async () => (await anna.ping(address, 1)) >= 0 && (await anna.peer('ben')).path.class === kind,
    15_000,
    `${kind} path`,
  );
  return address;
}

moves('another address, and no tracker', async () => {
  const mesh = await makeMesh('moves', ['port-restricted']);
  const { lab, internet, hub, hub2, anna } = mesh;
  try {
    const address = await meet(mesh, 'direct');
    const moving = stream(anna, address);
    await pause(1_000);
    await internet.move('anna');
    await pause(6_000);
    const moved = await moving.stop();
    console.log(`address changed: silent for ${moved} ms`);
    assert.ok(moved <= 3_000, `${moved} ms`);

    const steady = stream(anna, address);
    await pause(1_000);
    await hub.daemon?.kill();
    await hub2.daemon?.kill();
    await pause(5_000);
    const lost = await steady.stop();
    console.log(`both trackers killed: silent for ${lost} ms`);
    assert.is(lost, 0);
  } finally {
    await lab.dispose();
  }
});

moves('the relay in use is killed, and another one takes over', async () => {
  const mesh = await makeMesh('relay', ['symmetric']);
  const { lab, hub, hub2, anna } = mesh;
  try {
    const address = await meet(mesh, 'relay');
    const { via } = (await anna.peer('ben')).path;
    const flow = stream(anna, address);
    await pause(1_000);
    await (via === 'hub' ? hub : hub2).daemon?.kill();
    await pause(7_000);
    const silent = await flow.stop();
    const { path } = await anna.peer('ben');
    console.log(`relay ${via} killed: silent for ${silent} ms, then by ${path.via}`);
    assert.ok(silent <= 3_000, `${silent} ms`);
    assert.is(path.via, via === 'hub' ? 'hub2' : 'hub');

    // What it has given counts on after a restart: a monthly quota is no quota per start.
    const relay = via === 'hub' ? hub2 : hub;
    const given = async () => (await relay.status()).mesh?.relay.givenBytes ?? 0;
    await lab.waitFor(async () => (await given()) > 0, 7_000, 'counted');
    const before = await given();
    await relay.daemon?.stop();
    await relay.up();
    assert.ok((await given()) >= before, `${await given()} bytes after the restart`);
  } finally {
    await lab.dispose();
  }
});

moves.run();
