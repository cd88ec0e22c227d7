// Releases as folders, started by the real launcher, with the power failing at every write.

import { createReadStream, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SlotFailure } from '../../agent/update/slots.js';
import { CutDisk, LOSSES, PowerCut } from './powercut.js';
import { noise } from './release.js';
import { Site } from './site.js';

const folders = suite('update/folders');
let sites: Site[] = [];

function site(...args: ConstructorParameters<typeof Site>): Site {
  const made = new Site(...args);
  sites.push(made);
  return made;
}

folders.after.each(() => {
  for (const { folder } of sites) rmSync(folder, { recursive: true });
  sites = [];
});

folders('from one release to the next, and to the one after', async () => {
  const here = site();
  for (const [from, to] of [
    ['0.1.0', '0.2.0'],
    ['0.2.0', '0.3.0'],
  ] as const) {
    const old = here.agent(here.start());
    assert.equal(old.start, { is: 'normal' });
    old.settle();
    await here.install(old, to);
    assert.equal(here.releases().length, 2, 'two at most');
    assert.is(here.start(), from, 'laid down is not switched to');
    old.arm(to, 60, 'peer');
    await old.restart();
    const next = here.agent(here.start());
    assert.equal(next.start, { is: 'trial', seconds: 60, needs: 'peer' });
    assert.is(next.previous, from);
    next.keep();
    assert.not.ok(here.has('trial') || here.has('starts'));
    assert.is(here.start(), to);
    assert.equal(here.releases(), [from, to].sort());
  }
  assert.is(here.restarts, 2);
});

folders('three starts on trial, then the one before, which puts things right', async () => {
  const here = site();
  const old = here.agent('0.1.0');
  await here.install(old, '0.2.0');
  old.arm('0.2.0', 60, 'member');
  assert.equal([here.start(), here.start(), here.start()], Array(3).fill('0.2.0'));
  assert.is(here.start(), '0.1.0');
  assert.is(here.start(), '0.1.0', 'also when it is killed before it can say anything');
  const back = here.agent('0.1.0');
  assert.equal(back.start, {
    is: 'returned',
    version: '0.2.0',
    reason: 'it ended or failed to start 3 times',
    tried: true,
  });
  back.settle();
  assert.equal(here.releases(), ['0.1.0']);
  assert.is(here.pointed('current'), '0.1.0');
  assert.is(here.start(), '0.1.0');
  assert.equal(here.agent('0.1.0').start, { is: 'normal' });
});

folders('given up by itself', async () => {
  const here = site();
  const old = here.agent('0.1.0');
  await here.install(old, '0.2.0');
  old.arm('0.2.0', 60, 'member');
  here.agent(here.start()).giveUp();
  assert.is(here.start(), '0.1.0');
  const { start } = here.agent('0.1.0');
  assert.is(start.is === 'returned' && start.reason, 'it was not confirmed in time');
});

folders('the same release again after it came back', async () => {
  const here = site();
  for (let round = 0; round < 2; round++) {
    const old = here.agent(here.start());
    if (old.start.is !== 'trial') old.settle();
    await here.install(old, '0.2.0');
    old.arm('0.2.0', 60, 'member');
    assert.is(here.start(), '0.2.0', `round ${round}`);
    here.agent('0.2.0').giveUp();
    assert.is(here.start(), '0.1.0');
  }
});

folders('what is no release for this machine is not laid down', async () => {
  const here = site();
  const agent = here.agent('0.1.0');
  const refuse = async (archive: string, version: string, what: RegExp, max = 1e6) => {
    try {
      await agent.install(version, createReadStream(archive), max);
      assert.unreachable(version);
    } catch (error) {
      assert.instance(error, SlotFailure);
      assert.match((error as Error).message, what);
    }
    assert.equal(here.releases(), ['0.1.0']);
  };
  await refuse(here.archive('0.2.0'), '0.3.0', /does not hold release 0\.3\.0/);
  await refuse(here.archive('0.4.0', { target: 'x64-musl' }), '0.4.0', /for x64-musl, not any/);
  await refuse(here.archive('0.2.0'), '0.2.0', /larger than announced/, 100);
  const broken = join(here.folder, 'broken.tar.gz');
  const bytes = readFileSync(here.archive('0.2.0'));
  writeFileSync(broken, bytes.subarray(0, bytes.length - 30));
  await refuse(broken, '0.2.0', /cannot be unpacked/);
  writeFileSync(broken, noise(5_000));
  await refuse(broken, '0.2.0', /cannot be unpacked/);
});

/** Runs `work` with the power failing after each write; `after` judges what is left. */
async function cutEverywhere(
  work: (here: Site, disk: CutDisk) => Promise<void>,
  prepare: (here: Site) => Promise<void>,
  after: (here: Site, cut: boolean) => Promise<void>,
): Promise<number> {
  const like = site();
  await prepare(like);
  for (let cutAt = 1; ; cutAt++) {
    let cut = true;
    for (const loss of LOSSES) {
      // After the last write all of them count; before, they take turns.
      if (cut && loss !== 'contents' && loss !== LOSSES[cutAt % LOSSES.length]) continue;
      const here = new Site('0.1.0', { like });
      const disk = new CutDisk(cutAt, join(here.folder, 'attic'), here.root);
      cut = await work(here, disk).then(
        () => false,
        (error: unknown) => {
          if (error instanceof PowerCut) return true;
          throw error;
        },
      );
      disk.lose(loss);
      await after(here, cut);
      rmSync(here.folder, { recursive: true });
    }
    if (!cut) return cutAt;
  }
}

/** Whatever was found, the update can be brought to its end, and nothing is left over. */
async function finish(here: Site, wasConfirmed = false): Promise<void> {
  const agent = here.agent(here.start());
  const isNew = agent.installed.version === '0.2.0';
  if (isNew && !wasConfirmed) assert.is(agent.start.is, 'trial', 'never without a trial');
  if (agent.start.is === 'trial') agent.keep();
  else agent.settle();
  if (agent.installed.version === '0.1.0') {
    await here.install(agent, '0.2.0');
    agent.arm('0.2.0', 60, 'member');
    here.agent(here.start()).keep();
  }
  assert.is(here.start(), '0.2.0');
  assert.is(here.pointed('current'), '0.2.0');
  assert.not.ok(here.has('trial'));
  const rest = here.releases().filter((name) => !['0.1.0', '0.2.0'].includes(name));
  assert.equal(rest, []);
}

folders('power cut at every write of the switch', async () => {
  const writes = await cutEverywhere(
    async (here, disk) => {
      const agent = here.agent('0.1.0', disk);
      await here.install(agent, '0.2.0');
      agent.arm('0.2.0', 60, 'member');
    },
    async () => {},
    (here, cut) => {
      if (!cut) assert.is(here.start(), '0.2.0', 'it is all on the disk');
      return finish(here);
    },
  );
  assert.ok(writes > 30, `${writes} writes`);
});

folders('power cut at every write of the confirmation', async () => {
  await cutEverywhere(
    async (here, disk) => here.agent('0.2.0', disk).keep(),
    async (here) => {
      const agent = here.agent('0.1.0');
      await here.install(agent, '0.2.0');
      agent.arm('0.2.0', 60, 'member');
      assert.is(here.start(), '0.2.0');
    },
    (here) => finish(here, true),
  );
});

folders('power cut at every write of the way back', async () => {
  await cutEverywhere(
    async (here, disk) => here.agent('0.1.0', disk).settle(),
    async (here) => {
      const agent = here.agent('0.1.0');
      await here.install(agent, '0.2.0');
      agent.arm('0.2.0', 60, 'member');
      here.agent(here.start()).giveUp();
      assert.is(here.start(), '0.1.0');
    },
    async (here) => {
      assert.is(here.start(), '0.1.0');
      assert.ok(existsSync(join(here.root, 'releases/0.1.0/release.json')));
      await finish(here);
    },
  );
});

folders.run();
