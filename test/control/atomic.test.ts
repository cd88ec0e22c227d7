import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeAtomically } from '../../agent/control/atomic.js';
import { failing } from './failingfiles.js';
import { temporaryFolder } from './program.js';

const OLD = Buffer.from('old '.repeat(1000));
const NEW = Buffer.from('new content');

const atomic = suite('control/atomic');

atomic('writes, syncs, renames, syncs the folder: in this order', () => {
  const folder = temporaryFolder();
  const calls: string[] = [];
  writeAtomically(join(folder, 'a'), OLD, failing(0, false, calls));
  const writes = new Array(Math.ceil(OLD.length / 700)).fill('write');
  assert.equal(calls, [
    'list',
    'open',
    ...writes,
    'fsync',
    'close',
    'rename',
    'open',
    'fsync',
    'close',
  ]);
  assert.equal(readFileSync(join(folder, 'a')), OLD);
  assert.is(statSync(join(folder, 'a')).mode & 0o777, 0o600);
});

for (const crash of [false, true]) {
  for (let at = 1; at <= 9; at++) {
    atomic(`call ${at} fails${crash ? ' and the process dies' : ''}: old or new, whole`, () => {
      const folder = temporaryFolder();
      const path = join(folder, 'kith.json');
      writeAtomically(path, OLD);
      assert.throws(() => writeAtomically(path, NEW, failing(at, crash)), /failed/);
      const content = readFileSync(path);
      assert.ok(content.equals(OLD) || content.equals(NEW));
      assert.is(content.equals(NEW), at > 6, 'new from the rename on');
      if (!crash) assert.equal(readdirSync(folder), ['kith.json'], 'nothing is left lying about');
      writeAtomically(path, OLD);
      assert.equal(readFileSync(path), OLD);
      assert.equal(readdirSync(folder), ['kith.json'], 'the next one tidies up');
    });
  }
}

atomic('temporaries of living writers and files of other names are left alone', () => {
  const folder = temporaryFolder();
  const living = `.a.${process.ppid}.new`;
  const dead = '.a.4194305.new'; // above the highest process id Linux gives
  for (const name of [living, dead, '.b.4194305.new', '.a.x.new'])
    writeFileSync(join(folder, name), '');
  writeAtomically(join(folder, 'a'), NEW);
  assert.equal(readdirSync(folder).sort(), ['.a.x.new', living, '.b.4194305.new', 'a'].sort());
});

atomic.run();
