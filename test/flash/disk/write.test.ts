// needs: root, xz-utils
// serial: loop devices are few
// `kith flash write` onto real loop devices.

import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../../agent/commands/failure.js';
import { openMedium } from '../../../flash/disk/medium.js';
import { type WriteGiven, write } from '../../../flash/disk/write.js';
import { kith, temporaryFolder } from '../../control/program.js';
import { type Played, played } from '../stage.js';

const MIB = 2 ** 20;
const folder = temporaryFolder();
const image = join(folder, 'a.img');
const IMAGE = Buffer.concat([randomBytes(3 * MIB), Buffer.alloc(2 * MIB), randomBytes(1000)]);
writeFileSync(image, IMAGE);
execFileSync('xz', ['-1', '-k', image]);

const undo: Array<() => void> = [];
const must = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: 'utf8' }).trim();
process.prependOnceListener('exit', () => {
  for (const step of undo.reverse()) step();
});

/** A loop device over a new file of so many bytes. */
function loop(name: string, bytes: number, ...more: string[]): { file: string; device: string } {
  const file = join(folder, name);
  writeFileSync(file, '');
  truncateSync(file, bytes);
  const device = must('losetup', ...more, '--find', '--show', file);
  undo.push(() => void spawnSync('losetup', ['-d', device]));
  return { file, device };
}

const given = (device: string, more: Partial<WriteGiven> = {}): WriteGiven => ({
  image,
  device,
  yes: true,
  dryRun: false,
  fixed: false,
  noVerify: false,
  ...more,
});

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
  return assert.unreachable('it was called done') as never;
}

const suiteOfWrite = suite('flash/disk/write');

suiteOfWrite(
  'asks, with model and size; only yes goes ahead; a dry run changes nothing',
  async () => {
    const { file, device } = loop('asked', 8 * MIB);
    const stage = played({}, 'y');
    assert.match(
      await failure(write.run(given(device, { yes: false }), stage)),
      /nothing was changed/,
    );
    assert.match(stage.seen.error, /asked, 8\.0 MiB\) will be overwritten whole with/);
    const dry = played();
    assert.is(await write.run(given(device, { yes: false, dryRun: true }), dry), 0);
    assert.match(dry.seen.error, /It fits: 5\.0 MiB of 8\.0 MiB\. Nothing was changed/);
    assert.ok(readFileSync(file).every((byte) => byte === 0));
  },
);

suiteOfWrite(
  'xz, JSON lines, the sum of the packed file; once more: nothing is written again',
  async () => {
    const { file, device } = loop('written', 8 * MIB);
    const [sha256] = must('sha256sum', `${image}.xz`).split(' ');
    const stage = played({ json: true });
    const asked = given(device, { image: `${image}.xz`, sha256 });
    assert.is(await write.run(asked, stage), 0);
    assert.ok(readFileSync(file).subarray(0, IMAGE.length).equals(IMAGE));
    const lines = stage.seen.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal([...new Set(lines.map(({ phase }) => phase))], ['write', 'verify', undefined]);
    const last = lines.at(-1);
    assert.equal([last.done, last.bytes, last.kept, last.verified], [true, IMAGE.length, 0, true]);
    const again = played({ json: true });
    await write.run(asked, again);
    assert.is(JSON.parse(again.seen.out.trim().split('\n').at(-1)!).kept, 4 * MIB + 1024);
    const other = given(device, { sha256: '0'.repeat(64) });
    assert.match(
      await failure(write.run(other, played())),
      /not what --sha256 says.*boots nothing now/,
    );
  },
);

suiteOfWrite('refused: mounted, read-only, too small', async () => {
  const mounted = loop('mounted', 8 * MIB);
  must('mkfs.ext4', '-q', mounted.device);
  const place = join(folder, 'mount');
  mkdirSync(place);
  must('mount', mounted.device, place);
  undo.push(() => void spawnSync('umount', [place]));
  assert.match(
    await failure(write.run(given(mounted.device), played())),
    /it is mounted at .*mount/,
  );
  // the kernel's own word, where a mount cannot be seen from here
  assert.match(await failure(openMedium(mounted.device, 8 * MIB, 512)), /it is in use/);
  const fixed = loop('read-only', 8 * MIB, '--read-only');
  assert.match(await failure(write.run(given(fixed.device), played())), /read-only/);
  const small = loop('small', 4 * MIB);
  const message = /too small: it has 4\.0 MiB, the image needs 5\.0 MiB/;
  for (const one of [image, `${image}.xz`])
    assert.match(await failure(write.run(given(small.device, { image: one }), played())), message);
});

suiteOfWrite('a device whose backing is full: said, and not called done', async () => {
  const place = join(folder, 'tiny');
  mkdirSync(place);
  must('mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', place);
  undo.push(() => void spawnSync('umount', ['-l', place]));
  const { device } = loop('tiny/disk', 8 * MIB);
  const message = await failure(write.run(given(device), played()));
  assert.match(message, /cannot flush .*(full|bad or counterfeit)/);
  assert.match(message, /boots nothing now/);
});

suiteOfWrite('Ctrl-C: the first block is not there, and the same again goes on', async () => {
  const { file, device } = loop('stopped', 8 * MIB);
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-length': IMAGE.length });
    response.write(IMAGE.subarray(0, 4 * MIB)); // and then nothing for long
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  writeFileSync(file, Buffer.alloc(MIB, 0xee), { flag: 'r+' });
  must('blockdev', '--flushbufs', device);
  const stage: Played = played();
  const timer = setInterval(() => {
    if (
      readFileSync(file)
        .subarray(0, MIB)
        .every((byte) => byte === 0)
    )
      stage.end();
  }, 20);
  const url = `http://127.0.0.1:${port}/a.img`;
  assert.is(await write.run(given(device, { image: url }), stage), 130);
  clearInterval(timer);
  server.closeAllConnections();
  server.close();
  assert.match(stage.seen.error, /Stopped\. .* boots nothing now/);
  assert.ok(
    readFileSync(file)
      .subarray(0, MIB)
      .every((byte) => byte === 0),
  );
  const again = played({ json: true });
  assert.is(await write.run(given(device), again), 0);
  assert.ok(JSON.parse(again.seen.out.trim().split('\n').at(-1)!).kept > 0);
  assert.ok(readFileSync(file).subarray(0, IMAGE.length).equals(IMAGE));
});

suiteOfWrite('the program: list, wrong usage, help', async () => {
  const { device } = loop('listed', 8 * MIB);
  const listed = JSON.parse((await kith(['flash', 'list', '--json'])).stdout);
  const found = listed.devices.find(({ path }: { path: string }) => path === device);
  assert.equal([found.kind, found.size, found.system], ['loop', 8 * MIB, false]);
  assert.match((await kith(['flash', 'list'])).stdout, new RegExp(`${device} +8\\.0 MiB +file`));
  const wrong = await kith(['flash', 'write', image]);
  assert.is(wrong.code, 2);
  assert.match(wrong.stderr, /lacks DEVICE/);
  const whole = await kith(['flash', 'write', image, '/dev/null', '--json']);
  assert.is(whole.code, 1);
  assert.match(JSON.parse(whole.stdout).error, /no card, stick or disk/);
  assert.match((await kith(['flash'])).stdout, /kith flash list/);
  assert.match((await kith(['flash', 'write', '--help'])).stdout, /^kith flash write IMAGE DEVICE/);
});

suiteOfWrite.run();
