import { createReadStream, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  autobootText,
  bootPartition,
  exchanged,
  readAutoboot,
} from '../../agent/update/autoboot.js';
import { bootedOf, overwrite, partitionName } from '../../agent/update/bootmachine.js';
import { SlotFailure } from '../../agent/update/slots.js';
import { Pi } from './pi.js';
import { CutDisk, LOSSES, PowerCut } from './powercut.js';

const partitions = suite('update/partitions');
let made: Pi[] = [];

function pi(): Pi {
  const one = new Pi();
  made.push(one);
  return one;
}

partitions.after.each(() => {
  for (const { folder } of made) rmSync(folder, { recursive: true });
  made = [];
});

/** The update up to the switch, and the start that tries it. */
async function tryNext(here: Pi, version = '0.2.0'): Promise<void> {
  const agent = here.agent();
  agent.settle();
  await agent.install(version, createReadStream(here.archive(version)), 1e6);
  agent.arm(version, 60, 'member');
  await agent.restart();
  assert.is(here.boot(), version);
}

partitions('to the other pair, and back to the first with the release after', async () => {
  const here = pi();
  assert.is(here.boot(), '0.1.0');
  await tryNext(here);
  const next = here.agent();
  assert.equal(next.start, { is: 'trial', seconds: 60, needs: 'member' });
  assert.is(here.partition, 3);
  next.keep();
  assert.ok(here.confirmed);
  assert.is(here.boot(), '0.2.0', 'without tryboot');
  const after = here.agent();
  assert.equal([after.start.is, after.previous], ['normal', '0.1.0']);
  await tryNext(here, '0.3.0');
  assert.is(here.partition, 2);
  here.agent().keep();
  assert.is(here.boot(), '0.3.0');
});

partitions('whatever resets it on trial brings the old one back', async () => {
  const here = pi();
  await tryNext(here);
  assert.is(here.boot(), '0.1.0');
  const back = here.agent();
  assert.equal(back.start, {
    is: 'returned',
    version: '0.2.0',
    reason: 'the system was reset before it was confirmed',
    tried: true,
  });
  back.settle();
  assert.equal(here.agent().start, { is: 'normal' });
  await tryNext(here);
  const again = here.agent();
  again.giveUp();
  await again.restart();
  assert.is(here.boot(), '0.1.0');
});

partitions('back by hand, on trial as well', async () => {
  const here = pi();
  await tryNext(here);
  here.agent().keep();
  here.boot();
  const agent = here.agent();
  agent.settle();
  agent.arm('0.1.0', 60, 'nobody');
  await agent.restart();
  assert.is(here.boot(), '0.1.0');
  assert.equal(here.agent().start, { is: 'trial', seconds: 60, needs: 'nobody' });
});

partitions('what does not fit, or is no image, is not switched to', async () => {
  const here = pi();
  const agent = here.agent();
  const refuse = async (archive: string, version: string, what: RegExp) => {
    try {
      await agent.install(version, createReadStream(archive), 1e6);
      assert.unreachable();
    } catch (error) {
      assert.instance(error, SlotFailure);
      assert.match((error as Error).message, what);
    }
    assert.throws(() => agent.arm(version, 60, 'member'), /does not lie on the other partitions/);
    assert.is(here.boot(), '0.1.0');
  };
  await refuse(here.archive('0.2.0', { only: 'boot' }), '0.2.0', /no root\.img/);
  await refuse(here.archive('0.4.0', { target: 'x64-glibc' }), '0.4.0', /does not hold release/);
  await refuse(here.archive('0.5.0'), '0.6.0', /does not hold release/);
  assert.throws(() => agent.arm('0.1.0', 60, 'member'), /does not lie/);
});

partitions('power cut at every write', async () => {
  for (let cutAt = 1, done = false; !done; cutAt++) {
    for (const loss of LOSSES) {
      const here = pi();
      here.boot();
      here.agent().settle();
      const disk = new CutDisk(cutAt, join(here.folder, 'attic'), here.data);
      let autobootWrites = 0;
      const cut = () => {
        if (++autobootWrites + disk.writes >= cutAt) throw new PowerCut();
      };
      try {
        const agent = here.agent(disk, cut);
        await agent.install('0.2.0', createReadStream(here.archive('0.2.0')), 1e6);
        agent.arm('0.2.0', 60, 'member');
        await agent.restart();
        here.boot();
        here.agent(disk, cut).keep();
        done = true;
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
      }
      disk.lose(loss);
      const found = here.boot();
      assert.ok(found === '0.1.0' || found === '0.2.0');
      const agent = here.agent();
      if (agent.start.is !== 'trial') agent.settle();
      if (found === '0.1.0') {
        await tryNext(here);
        here.agent().keep();
      }
      assert.is(here.boot(), '0.2.0', `cut at ${cutAt}`);
    }
  }
});

partitions('autoboot.txt as the firmware reads it', () => {
  const text = autobootText({ all: 2, tryboot: 3 });
  assert.equal(readAutoboot(text), { all: 2, tryboot: 3 });
  assert.equal([bootPartition(text, false), bootPartition(text, true)], [2, 3]);
  const shipped = '[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n';
  assert.equal(readAutoboot(shipped), { all: 2, tryboot: 3 });
  const others =
    '# mine\r\n[pi5]\r\nboot_partition=9\r\n[all]\r\ntryboot_a_b=1\r\nboot_partition = 4\r\n';
  assert.equal(readAutoboot(`${others}[tryboot]\r\nboot_partition=5\r\n`), { all: 4, tryboot: 5 });
  for (const bad of [
    '',
    shipped.replace('tryboot_a_b=1', 'tryboot_a_b=0'),
    shipped.replace('=3', '=2'),
    shipped.replace('[tryboot]', '[other]'),
    shipped + '#'.repeat(512),
  ])
    assert.is(readAutoboot(bad), undefined, bad.slice(0, 100));
  assert.throws(() => autobootText({ all: 0, tryboot: 3 }), /"partition" is 0/);
  assert.is(exchanged(shipped), autobootText({ all: 3, tryboot: 2 }));
  const long = `${others}[tryboot]\r\nboot_partition=5\r\n`;
  assert.is(
    exchanged(long),
    long.replace('= 4', '= 5').replace('boot_partition=5', 'boot_partition=4'),
  );
  assert.is(exchanged(shipped.replace('=3', '=13')), undefined, 'its length would change');
});

partitions('it is written in place, at the same length, or not at all', () => {
  const here = pi();
  const text = autobootText({ all: 3, tryboot: 2 });
  overwrite(here.autoboot, text);
  assert.is(readFileSync(here.autoboot, 'latin1'), text);
  assert.throws(() => overwrite(here.autoboot, 'short'), /has changed/);
  assert.is(readFileSync(here.autoboot, 'latin1'), text);
});

partitions('what was started, and the names of partitions', () => {
  const line = 'console=ttyS0 kith.partition=3 kith.tryboot=1 quiet\n';
  assert.equal(bootedOf(line), { partition: 3, tryboot: true });
  assert.equal(bootedOf('kith.partition=2 kith.tryboot=0'), { partition: 2, tryboot: false });
  assert.throws(() => bootedOf('quiet'), /does not say/);
  assert.is(partitionName('mmcblk0', 3), 'mmcblk0p3');
  assert.is(partitionName('vda', 5), 'vda5');
});

partitions.run();
