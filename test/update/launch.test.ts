// The launcher in every shell that routers and Debian have, and what it does when all goes wrong.
// needs: busybox-static

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, createReadStream, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { removeArchives, Site } from './site.js';

// Says that it runs, and what as; then it hangs, as a program does that was never right.
const HANGS = '#!/bin/sh\necho "$$ $KITH_RELEASE $KITH_SLOTS"\nexec sleep 60\n';

for (const shell of [['dash'], ['busybox', 'sh']]) {
  const launch = suite(`update/launch ${shell.join(' ')}`);
  const sites: Site[] = [];
  const site = (...args: [string?, { program?: string }?]) => {
    const made = new Site(args[0], args[1] ?? {}, shell);
    sites.push(made);
    return made;
  };

  launch.after(() => {
    for (const { folder } of sites) rmSync(folder, { recursive: true });
    removeArchives();
  });

  launch('arguments come through as they are', () => {
    const here = site();
    const { stdout } = here.run(join(here.root, 'launch'), 'up', '--set', "name=a b 'c'");
    assert.is(stdout, "0.1.0 up --set name=a b 'c'\n");
  });

  launch('another one installed, by a package: the one before stays to go back to', async () => {
    const here = site();
    const agent = here.agent('0.1.0');
    await here.install(agent, '0.2.0');
    writeFileSync(join(here.root, 'trial'), '0.9.9 60 member\n');
    const { status } = here.run(join(here.root, 'releases/0.2.0/launch'), '--install', '0.2.0');
    assert.is(status, 0);
    assert.is(here.start(), '0.2.0');
    assert.equal([here.pointed('previous'), here.has('trial')], ['0.1.0', false]);
    const none = here.run(join(here.root, 'launch'), '--install', '7.7.7');
    assert.is(none.status, 1);
    assert.match(none.stderr, /there is no release 7\.7\.7/);
    assert.is(here.start(), '0.2.0');
  });

  launch('a release that is gone or cannot be started', async () => {
    const here = site();
    const agent = here.agent('0.1.0');
    await here.install(agent, '0.2.0');
    agent.arm('0.2.0', 60, 'member');
    rmSync(join(here.root, 'releases/0.2.0/bin/kith'));
    assert.is(here.start(), '0.1.0', 'no program');
    rmSync(join(here.root, 'current'));
    assert.is(here.start(), '0.1.0', 'no link');
    rmSync(join(here.root, 'previous'));
    const { status, stderr } = here.run(join(here.root, 'launch'), 'up');
    assert.is(status, 1);
    assert.match(stderr, /there is no release of kith/);
  });

  launch('a damaged count, or one that cannot be written, ends the trial', async () => {
    const here = site();
    const agent = here.agent('0.1.0');
    await here.install(agent, '0.2.0');
    agent.arm('0.2.0', 60, 'member');
    writeFileSync(join(here.root, 'starts'), '0.2.0 x;y\n');
    assert.is(here.start(), '0.1.0');
    writeFileSync(join(here.root, 'starts'), '0.3.0 3\n');
    assert.is(here.start(), '0.2.0', 'of another release');
  });

  launch(
    'a program that hangs is killed when its time is over; it has the same process id',
    async () => {
      const here = site();
      const agent = here.agent('0.1.0');
      const archive = here.archive(`0.3.0`, { program: HANGS });
      await agent.install('0.3.0', createReadStream(archive), 1e6);
      agent.arm('0.3.0', 1, 'member');
      const [program = '', ...flags] = [...shell, join(here.root, 'launch'), 'up'];
      const env = { ...process.env, KITH_ROOT: here.root, KITH_SLOTS: '' };
      const child = spawn(program, flags, { env, stdio: ['ignore', 'pipe', 'inherit'] });
      const [said] = (await once(child.stdout, 'data')) as [Buffer];
      assert.is(said.toString(), `${child.pid} 0.3.0 folders\n`);
      const [, signal] = (await once(child, 'exit')) as [number | null, string];
      assert.is(signal, 'SIGKILL');
      assert.is(here.start(), '0.1.0');
      const { start } = here.agent('0.1.0');
      assert.is(start.is === 'returned' && start.reason, 'it was not confirmed in time');
    },
  );

  launch('a program that was confirmed is left alone', async () => {
    const here = site();
    const agent = here.agent('0.1.0');
    const archive = here.archive(`0.3.0`, { program: HANGS });
    await agent.install('0.3.0', createReadStream(archive), 1e6);
    agent.arm('0.3.0', 1, 'member');
    const [program = '', ...flags] = [...shell, join(here.root, 'launch'), 'up'];
    const env = { ...process.env, KITH_ROOT: here.root, KITH_SLOTS: '' };
    const child = spawn(program, flags, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    here.agent('0.3.0').keep();
    await pause(2_400); // the watch looks after two seconds
    assert.is(child.signalCode, null);
    child.kill('SIGKILL');
    await once(child, 'exit');
  });

  launch('a pair of partitions on trial: three starts, or its time, then a reset', async () => {
    const here = site();
    const root = join(here.folder, 'image');
    const run = join(here.folder, 'run');
    const resets = join(here.folder, 'resets');
    cpSync(join(here.root, 'releases/0.1.0'), root, { recursive: true });
    writeFileSync(join(root, 'bin/kith'), '#!/bin/sh\necho "runs $KITH_RELEASE"\n');
    const cmdline = join(here.folder, 'cmdline');
    const reset = join(here.folder, 'reset'); // in the place of the machine's own
    writeFileSync(reset, `#!/bin/sh\necho reset >>${resets}\n`, { mode: 0o755 });
    const start = (tryboot: boolean) => {
      writeFileSync(cmdline, `quiet kith.partition=3 kith.tryboot=${Number(tryboot)}\n`);
      const env = { ...process.env, KITH_ROOT: root, KITH_SLOTS: 'partitions', KITH_RUN: run };
      const more = { KITH_REBOOT: reset, KITH_CMDLINE: cmdline, KITH_TRIAL_SECONDS: '1' };
      const [program = '', ...flags] = [...shell, join(root, 'launch'), 'up'];
      return spawnSync(program, flags, { env: { ...env, ...more }, encoding: 'utf8' }).stdout;
    };
    assert.is(start(false), 'runs 0.1.0\n');
    assert.not.ok(existsSync(run), 'nothing is on trial');
    const said = Array.from({ length: 4 }, () => start(true));
    assert.equal(said, [...Array(3).fill('runs 0.1.0\n'), '']);
    assert.is(readFileSync(resets, 'utf8'), 'reset\n', 'after three starts');
    await pause(1_300);
    assert.is(readFileSync(resets, 'utf8'), 'reset\nreset\n', 'when its time was over');
    for (const confirmed of [true, false]) {
      rmSync(run, { recursive: true });
      rmSync(resets, { force: true });
      start(true);
      if (confirmed) writeFileSync(join(run, 'confirmed'), '');
      await pause(1_300);
      assert.is(existsSync(resets), !confirmed);
    }
  });

  launch.run();
}
