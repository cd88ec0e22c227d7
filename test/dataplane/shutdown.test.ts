import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from '../lab/namespaces.js';
import { INSIDE, type Pair, PlaneNode, ping, withPair } from './planes.js';

const shutdown = suite('dataplane/shutdown');

const STOP_MS_MAX = 1_000;

/** UDP in both directions, as much as goes. */
function load({ lab }: Pair): void {
  for (const [label, to] of [
    ['a', INSIDE[4][1]],
    ['b', INSIDE[4][0]],
  ] as const) {
    lab.spawn(
      label,
      'sh',
      '-c',
      `while :; do dd if=/dev/zero bs=1400 count=2000 2>/dev/null; done | ncat -u ${to} 9`,
    );
  }
}

const ends: ReadonlyArray<readonly [string, string[], number]> = [
  ['stop, then nothing left to do', ['stop', 'leave'], 0],
  ['process.exit', ['exit'], 7],
  ['an uncaught exception', ['crash'], 1],
];

for (const [name, what, code] of ends) {
  for (const loaded of [false, true]) {
    for (const workers of [1, 2] as const) {
      const state = `${loaded ? 'under load' : 'idle'}, ${workers} workers`;
      shutdown(`${name}: gone within a second, ${state}`, async () => {
        await withPair('end', { a: { workers } }, async (pair) => {
          assert.ok(await ping(pair.lab, 'a', INSIDE[4][1]));
          await pair.a.ask('ready');
          if (loaded) {
            load(pair);
            await new Promise((resolve) => setTimeout(resolve, 300));
          }
          const began = performance.now();
          for (const one of what) await pair.a.ask(one).catch(() => {});
          assert.is(await pair.a.daemon.exited, code, pair.a.daemon.log);
          const ms = performance.now() - began;
          assert.ok(ms < STOP_MS_MAX, `${Math.round(ms)} ms`);
          const link = await pair.lab.run('a', 'ip', 'link', 'show', pair.a.ready.name);
          assert.is.not(link.code, 0, 'the interface is gone');
        });
      });
    }
  }
}

shutdown('stopped while its worker starts: gone, too', async () => {
  const lab = await Lab.create('early');
  try {
    await lab.namespace('a');
    for (const workers of [1, 2] as const) {
      const node = await PlaneNode.start(lab, 'a', { workers });
      await node.ask('stop');
      await node.ask('leave').catch(() => {});
      assert.is(await node.daemon.exited, 0, node.daemon.log);
    }
  } finally {
    await lab.dispose();
  }
});

shutdown('kill -9 leaves nothing that is in the way of the next start', async () => {
  await withPair('kill', {}, async ({ lab, a }) => {
    a.daemon.kill();
    await a.daemon.exited;
    const again = await PlaneNode.start(lab, 'a');
    assert.is(again.ready.name, a.ready.name);
    assert.equal(await again.ask('open', 0, { family: 4, port: 51_820, fwmark: 0 }), {
      port: 51_820,
    });
    await again.ask('stop');
  });
});

shutdown('stop twice, and orders after it, do no harm', async () => {
  await withPair('twice', {}, async ({ a }) => {
    await a.ask('stop');
    await a.orders({ kind: 'keepalive', peer: 0 });
    await a.ask('close', 0);
    await a.ask('stop');
  });
});

shutdown.run();
