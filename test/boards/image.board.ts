// The Raspberry Pi image in virtual machines: it boots to the kith console, on QEMU's own board and
// on its Raspberry Pi 3; what it keeps survives a restart; it writes nothing while it is idle.
//
// needs: qemu-system-arm, mtools, squashfs-tools, cpio
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildImage, type ImageFiles } from '../../flash/image/build.js';
import { debianArchive } from '../../flash/image/program.js';
import { Fetched } from '../../flash/package/fetched.js';
import { CHECKOUT, cacheFolder } from '../../flash/package/surroundings.js';
import { Machine } from './machine.js';

const CONSOLE_MS = 60_000;
const RSS_MIB = 95;

const image = suite('boards/image');
const work = mkdtempSync(join(tmpdir(), 'kith-boards-'));
let files: ImageFiles;

image.before(async () => {
  const fetched = new Fetched(cacheFolder(), console.log, new AbortController().signal);
  const order = { root: CHECKOUT, version: '0.1.0', time: 1_767_225_600, out: join(work, 'one') };
  files = await buildImage(order, fetched, debianArchive(), console.log);
});
image.after(() => rmSync(work, { recursive: true, force: true }));

function fresh(name: string, options: { model?: 'virt' | 'raspi3b' } = {}): Machine {
  const folder = join(work, name);
  mkdirSync(folder);
  const card = join(folder, 'card.img');
  execFileSync('cp', ['--sparse=always', files.image, card]);
  return new Machine({ folder, card, ...options });
}

image('boots to the kith console, keeps what it was told, and is quiet', async () => {
  const machine = fresh('virt');
  try {
    await machine.power();
    const ms = await machine.says(/press Enter/, CONSOLE_MS);
    console.log(`virt: the console was there after ${(ms / 1000).toFixed(1)} s`);
    await machine.wake(/Set it up now/);
    const status = JSON.parse(await machine.shell('kith status --json --state /data/kith'));
    assert.is(status.interface, 'kith0');
    const resident = Number(
      /VmRSS:\s+(\d+)/.exec(await machine.shell('cat /proc/$(pidof kith)/status'))?.[1],
    );
    console.log(`virt: the agent has ${(resident / 1024).toFixed(0)} MiB`);
    assert.ok(resident < RSS_MIB * 1024, `${resident} KiB`);
    const written = async () =>
      (await machine.shell('sync; cat /sys/block/vda/stat')).trim().split(/\s+/)[4];
    await pause(30_000); // the settings of the first start are on the card by then
    const before = await written();
    await pause(60_000);
    assert.is(await written(), before, 'blocks were written in an idle minute');
    await machine.shell('kith config set name attic --state /data/kith');
    await machine.shell('(sleep 1; reboot) >/dev/null 2>&1 &');
    await pause(5_000);
    await machine.says(/press Enter/, CONSOLE_MS * 2);
    assert.equal(machine.starts, [2, 2]);
    assert.match(await machine.shell('kith config get name --state /data/kith'), /attic/);
  } finally {
    await machine.stop();
  }
});

image('boots on a Raspberry Pi 3', async () => {
  const machine = fresh('pi', { model: 'raspi3b' });
  try {
    await machine.power();
    const ms = await machine.says(/press Enter/, 2 * CONSOLE_MS); // four emulated cores
    console.log(`raspi3b: the console was there after ${(ms / 1000).toFixed(1)} s`);
  } finally {
    await machine.stop();
  }
});

image('same input, same bytes', async () => {
  const fetched = new Fetched(cacheFolder(), () => {}, new AbortController().signal);
  const order = { root: CHECKOUT, version: '0.1.0', time: 1_767_225_600, out: join(work, 'two') };
  const again = await buildImage(order, fetched, debianArchive(), () => {});
  assert.is(await digest(again.image), await digest(files.image));
  assert.is(await digest(again.update), await digest(files.update));
});

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest('hex');
}

image.run();
