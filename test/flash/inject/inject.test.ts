// needs: fdisk, gdisk, dosfstools, mtools
// Files put into FAT of every kind, in every kind of partition table, as other programs make, read
// and check them.

import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../../agent/commands/failure.js';
import { Drive, partitionsOf } from '../../../flash/inject/drive.js';
import { type Fat, openFat } from '../../../flash/inject/fat.js';
import { inject } from '../../../flash/inject/inject.js';
import { temporaryFolder } from '../../control/program.js';
import { played } from '../stage.js';

const MIB = 2 ** 20;
const folder = temporaryFolder();
const WORD = `kith1${'q'.repeat(60)}`;
const NOON = new Date(2026, 10, 22, 12, 0, 0);
let images = 0;

const must = (command: string, args: string[], input = '') =>
  execFileSync(command, args, { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] });

/** An image with one FAT at `start`, made by mkfs.vfat. */
function image(bits: number, bytes: number, table: 'mbr' | 'gpt' | 'none', more: string[] = []) {
  const path = join(folder, `${images++}.img`);
  writeFileSync(path, '');
  const start = table === 'none' ? 0 : MIB;
  truncateSync(path, start + bytes + MIB);
  if (table === 'mbr') must('sfdisk', ['-q', path], `start=2048,size=${bytes / 512},type=c\n`);
  if (table === 'gpt') must('sgdisk', ['-n', `1:2048:+${bytes / 512 - 1}`, '-t', '1:0700', path]);
  must('mkfs.vfat', ['-F', `${bits}`, `--offset=${start / 512}`, ...more, path, `${bytes / 1024}`]);
  return { path, at: `${path}@@${start}`, start, bytes };
}

type Image = ReturnType<typeof image>;

/** As fsck.fat sees it; it knows no offsets. */
function fsck({ path, start, bytes }: Image): void {
  const part = `${path}.part`;
  writeFileSync(part, readFileSync(path).subarray(start, start + bytes));
  const { status, stdout } = spawnSync('fsck.fat', ['-n', '-v', part], { encoding: 'utf8' });
  assert.is(status, 0, stdout);
}

const typed = ({ at }: Image, name: string) => must('mtype', ['-i', at, `::/${name}`]);

function withFat<T>({ path }: Image, work: (fat: Fat) => T): T {
  const drive = Drive.open(path);
  try {
    const [partition] = partitionsOf(drive);
    return work(openFat(drive, partition!)!);
  } finally {
    drive.close();
  }
}

async function failure(work: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    if (error instanceof Failure)
      return [error.message, ...error.problems.map((one) => `${one.path}: ${one.problem}`)].join(
        ' ',
      );
    throw error;
  }
  return assert.unreachable('it did not fail') as never;
}

const suiteOfInject = suite('flash/inject');

const kinds: Array<[string, () => Image]> = [
  ['FAT12 in an MBR', () => image(12, 2 * MIB, 'mbr')],
  ['FAT16 in a GPT', () => image(16, 16 * MIB, 'gpt')],
  [
    'FAT16, four sectors to a cluster, one table',
    () => image(16, 32 * MIB, 'mbr', ['-s', '4', '-f', '1']),
  ],
  ['FAT32 in an MBR', () => image(32, 40 * MIB, 'mbr', ['-s', '1'])],
  ['FAT32 on the whole drive', () => image(32, 40 * MIB, 'none', ['-s', '1'])],
];

for (const [name, make] of kinds) {
  suiteOfInject(`${name}: create, replace by longer and shorter, beside others`, () => {
    const one = make();
    must('mcopy', ['-i', one.at, '-', '::/autoboot.txt'], 'boot_partition=2\n');
    const long = randomBytes(100_000).toString('hex');
    for (const text of ['first', long, 'short again', '']) {
      withFat(one, (fat) => fat.writeFile('kith-setup.json', Buffer.from(text), NOON));
      fsck(one);
      assert.is(typed(one, 'kith-setup.json'), text);
      assert.is(String(withFat(one, (fat) => fat.readFile('KITH-Setup.json'))), text);
    }
    assert.not(
      readFileSync(one.path).includes(long.slice(2000, 2100)),
      'what was replaced is wiped',
    );
    assert.is(typed(one, 'autoboot.txt'), 'boot_partition=2\n');
    assert.match(
      must('mdir', ['-i', one.at, '::/']),
      /KITH-S~1 JSO .* 2026-11-22 +12:00 +kith-setup\.json/,
    );
    withFat(one, (fat) => fat.writeFile('autoboot.txt', Buffer.from('other'), NOON));
    assert.is(typed(one, 'autoboot.txt'), 'other');
    withFat(one, (fat) => fat.writeFile('kith-setup.jsonl', Buffer.from('near'), NOON));
    assert.is(typed(one, 'kith-setup.jsonl'), 'near');
    fsck(one);
  });
}

suiteOfInject(
  'a root folder that is full: FAT32 grows, FAT16 says so; so does a full partition',
  async () => {
    const large = image(32, 40 * MIB, 'mbr', ['-s', '1']);
    withFat(large, (fat) => {
      for (let i = 0; i < 20; i++)
        fat.writeFile(`a rather long name ${i}.txt`, Buffer.from(`${i}`), NOON);
    });
    fsck(large);
    assert.is(typed(large, 'a rather long name 19.txt'), '19');
    const small = image(12, 2 * MIB, 'mbr', ['-r', '16']);
    const before = () => readFileSync(small.path).toString('latin1');
    const many = () =>
      withFat(small, (fat) => {
        for (let i = 0; i < 9; i++) fat.writeFile(`long name number ${i}`, Buffer.from('x'), NOON);
      });
    assert.match(await failure(many), /root folder on the card is full/);
    fsck(small);
    const seen = before();
    const huge = () => withFat(small, (fat) => fat.writeFile('b', randomBytes(3 * MIB), NOON));
    assert.match(await failure(huge), /full/);
    assert.is(before(), seen, 'nothing was changed');
  },
);

suiteOfInject('the command: what was there stays, secrets are not shown', async () => {
  const card = image(32, 40 * MIB, 'mbr', ['-s', '1']);
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const key = file('id.pub', '# mine\nssh-ed25519 AAAAC3Nza me@home\n');
  const wifiPassword = file('wifi', 'correct horse\n');
  const stage = played({ readInput: async () => `${WORD}\n` });
  const first = {
    target: card.path,
    name: 'hut',
    invite: '-',
    wifi: 'Näh',
    wifiPassword,
    sshKey: key,
  };
  assert.is(await inject.run(first, stage), 0);
  assert.match(stage.seen.error, /^Done: name, invite, wifi, sshKeys in kith-setup\.json of /);
  assert.not.match(stage.seen.error + stage.seen.out, /correct|kith1q/);
  const json = played({ json: true });
  await inject.run({ target: card.path, mqtt: 'mqtts://broker.example' }, json);
  assert.is(JSON.parse(json.seen.out).partition, 1);
  assert.equal(JSON.parse(typed(card, 'kith-setup.json')), {
    version: 1,
    name: 'hut',
    invite: WORD,
    wifi: { ssid: 'Näh', password: 'correct horse' },
    sshKeys: ['ssh-ed25519 AAAAC3Nza me@home'],
    mqtt: { url: 'mqtts://broker.example' },
  });
  fsck(card);
});

suiteOfInject('what is refused, with the card as it was', async () => {
  const card = image(32, 40 * MIB, 'mbr', ['-s', '1']);
  const before = readFileSync(card.path);
  const bad = join(folder, 'private');
  writeFileSync(bad, '-----BEGIN OPENSSH PRIVATE KEY-----\n');
  const target = card.path;
  const rows: Array<[object, RegExp]> = [
    [{}, /nothing to inject/],
    [{ name: 'Hut!' }, /name: must be 1 to 63/],
    [{ invite: WORD }, /--invite takes a file, or -/],
    [{ invite: '-', pin: '-' }, /cannot both read standard input/],
    [{ wifiPassword: bad }, /go with --wifi/],
    [{ wifi: 'x', wifiPassword: bad, country: 'Germany' }, /country: must be two capital letters/],
    [{ sshKey: bad }, /this is the private key/],
    [{ pin: '/nowhere' }, /no such file/],
    [{ name: 'hut', partition: 2 }, /no FAT in partition 2/],
  ];
  for (const [more, why] of rows)
    assert.match(await failure(inject.run({ target, ...more }, played())), why);
  assert.ok(readFileSync(card.path).equals(before));
  const empty = join(folder, 'empty.img');
  writeFileSync(empty, Buffer.alloc(MIB));
  assert.match(
    await failure(inject.run({ target: empty, name: 'hut' }, played())),
    /no partition table/,
  );
  assert.match(
    await failure(inject.run({ target: '/nowhere', name: 'a' }, played())),
    /there is no/,
  );
});

suiteOfInject('tables and boot sectors that lie are no crash', () => {
  const card = image(16, 16 * MIB, 'gpt');
  const good = readFileSync(card.path);
  const random = randomBytes(4000);
  for (let i = 0; i < 60; i++) {
    const bad = Buffer.from(good.subarray(0, 1.5 * MIB));
    for (let k = 0; k < 8; k++) {
      const place = [446, 512, 1024, MIB][k % 4]!;
      bad[place + (random[i * 8 + k]! % 64)] = random[(i * 3 + k) % 4000]!;
    }
    writeFileSync(`${card.path}.bad`, bad);
    const drive = Drive.open(`${card.path}.bad`);
    try {
      for (const partition of partitionsOf(drive))
        openFat(drive, partition)?.writeFile('kith-setup.json', Buffer.from('x'), NOON);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    } finally {
      drive.close();
    }
  }
});

suiteOfInject.run();
