// The launcher in every shell that routers and Debian have, and what it does when all goes wrong.
// needs: busybox

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
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
      const { createReadStream } = await import('node:fs');
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
    const { createReadStream } = await import('node:fs');
    const archive = here.archive(`0.3.0`, { program: HANGS });
    await agent.install('0.3.0', createReadStream(archive), 1e6);
    agent.arm('0.3.0', 1, 'member');
    const [program = '', ...flags] = [...shell, join(here.root, 'launch'), 'up'];
    const env = { ...process.env, KITH_ROOT: here.root, KITH_SLOTS: '' };
    const child = spawn(program, flags, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    here.agent('0.3.0').keep();
    await pause(1_500);
    assert.is(child.signalCode, null);
    child.kill('SIGKILL');
    await once(child, 'exit');
  });

  launch.run();
}
