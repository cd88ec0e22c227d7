// needs: dosfstools, mtools
//
// The volumes are judged by fsck.fat and read by mtools.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeFat } from '../../../flash/image/fatvolume.js';
import { temporaryFolder } from '../../control/program.js';

const SIZE = 40 * 1024 * 1024;
const FILES = new Map([
  ['bootcode.bin', new Uint8Array(700_000).fill(7)],
  ['autoboot.txt', Buffer.from('[all]\n')],
  ['bcm2711-rpi-4-b.dtb', new Uint8Array(3)],
  ['bcm2711-rpi-400.dtb', new Uint8Array(513).fill(4)],
  ['empty.txt', new Uint8Array()],
  ...Array.from({ length: 40 }, (_, i): [string, Uint8Array] => [
    `a long name ${i}.text`,
    Buffer.from(`${i}`),
  ]),
]);

const fat = suite('flash/image/fatvolume');

function volume(): string {
  const path = join(temporaryFolder(), 'volume');
  writeFileSync(path, makeFat(SIZE, 0x6b697468, 'KITH', FILES));
  return path;
}

fat('fsck.fat finds nothing wrong', () => {
  const ran = spawnSync('fsck.fat', ['-n', '-v', volume()], { encoding: 'utf8' });
  assert.is(ran.status, 0, ran.stdout);
  assert.not.match(ran.stdout, /differences|[Ww]rong|[Ii]nvalid/);
  assert.match(ran.stdout, /: 46 files/);
});

fat('mtools reads every file', () => {
  const path = volume();
  for (const [name, bytes] of FILES) {
    const ran = spawnSync('mtype', ['-i', path, `::${name}`], { maxBuffer: 2 ** 21 });
    assert.is(ran.status, 0, ran.stderr.toString());
    assert.equal(Buffer.compare(ran.stdout, bytes), 0, name);
  }
});

fat('short names stand there as the first program of a Raspberry Pi wants them', () => {
  const ran = spawnSync('mdir', ['-i', volume(), '::'], { encoding: 'utf8' });
  assert.match(ran.stdout, /^bootcode bin +700000 2026-01-01/m);
});

fat('same input, same bytes', () => {
  const hash = () =>
    createHash('sha256')
      .update(makeFat(SIZE, 1, 'KITH', FILES))
      .digest('hex');
  assert.is(hash(), hash());
});

fat('too small for FAT32, too small for the files: says so', () => {
  assert.throws(() => makeFat(2 ** 20, 1, 'KITH', new Map()), /"size" is too small for FAT32/);
  const large = new Map([['large', new Uint8Array(SIZE)]]);
  assert.throws(() => makeFat(SIZE, 1, 'KITH', large), /"files" do not fit/);
});

fat.run();
