import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Ran } from '../../board/program.js';
import { supervisorOf } from '../../board/supervisor.js';
import { sendDatagram } from '../../board/unixdatagram.js';
import { temporaryFolder } from '../control/program.js';
import { start } from '../lab/daemon.js';

const PATIENCE_MS = 10_000;

/** A foreign listener on a UNIX datagram socket. */
async function listener(path: string) {
  const address = path.startsWith('@') ? `ABSTRACT-RECV:${path.slice(1)}` : `UNIX-RECV:${path}`;
  const daemon = start(['socat', '-u', address, '-'], {});
  const end = performance.now() + PATIENCE_MS;
  const soon = async (what: () => boolean) => {
    while (!what()) {
      assert.ok(performance.now() < end, `${path}: ${daemon.stdout}${daemon.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await soon(() => sendDatagram(path, 'listening\n')).catch((error) => {
    daemon.kill();
    throw error;
  });
  return { daemon, soon };
}

const supervisor = suite('board/supervisor');

for (const path of [`${temporaryFolder()}/notify`, `@kith-test-${process.pid}`])
  supervisor(`systemd hears us at ${path.startsWith('@') ? 'a name' : 'a path'}`, async () => {
    const { daemon, soon } = await listener(path);
    try {
      const env: Record<string, string | undefined> = {
        NOTIFY_SOCKET: path,
        WATCHDOG_USEC: '90000000',
        WATCHDOG_PID: '1',
        HOME: '/',
      };
      const systemd = await supervisorOf(env);
      assert.equal(env, { HOME: '/' }, 'children do not speak for us');
      assert.is(systemd?.patienceMs, 90_000);
      systemd?.ready('cabin\nis up');
      systemd?.alive();
      systemd?.stopping();
      const all = 'READY=1\nSTATUS=cabin is upWATCHDOG=1STOPPING=1';
      await soon(() => daemon.stdout.includes(all));
    } finally {
      daemon.kill();
      await daemon.exited;
    }
  });

supervisor('nobody listens: no error, and no word', async () => {
  assert.is(sendDatagram('/nowhere/at/all', 'x'), false);
  assert.is(sendDatagram(`/${'x'.repeat(200)}`, 'x'), false);
  assert.is(await supervisorOf({}), undefined);
});

supervisor('procd is told through ubus', async () => {
  const calls: string[] = [];
  const run = async (command: readonly string[]): Promise<Ran> => {
    calls.push(command.join(' '));
    return { code: 0, stdout: '', stderr: '' };
  };
  const procd = await supervisorOf({ KITH_PROCD: 'kith/agent' }, run);
  assert.is(procd?.patienceMs, 180_000);
  procd?.ready('up');
  procd?.stopping();
  const call = (mode: number) =>
    'ubus -t 5 call service watchdog ' +
    `{"name":"kith","instance":"agent","mode":${mode},"timeout":180}`;
  assert.equal(calls, [call(2), call(0)]);
  assert.is(await supervisorOf({ KITH_PROCD: 'kith agent; x' }, run), undefined);
});

supervisor.run();
