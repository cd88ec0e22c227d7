// endpoints.cbor: where members were last reached.

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encode } from '../agent/bytes/cbor.js';
import { Folder } from '../agent/control/folder.js';
import { idOf } from '../agent/identity/nodeid.js';
import { ENDPOINTS_FILE, Remembered } from '../agent/remembered.js';
import { temporaryFolder } from './control/program.js';

const node = () => idOf(new Uint8Array(randomBytes(32)));
const at = (last: number) => ({ address: `192.0.2.${last}`, port: 51820 });

function open(folder = new Folder(temporaryFolder()), enabled = true) {
  const logged: string[] = [];
  const remembered = new Remembered(folder, enabled, (_level, line) => logged.push(line));
  return { folder, remembered, logged };
}

const memory = suite('remembered');

memory('what was proven last is there at the next start', () => {
  const { folder, remembered } = open();
  const [anna, ben] = [node(), node()];
  remembered.set(anna, at(1));
  remembered.set(ben, at(2));
  remembered.set(anna, at(3));
  remembered.flush();
  const { remembered: next } = open(folder);
  assert.equal(
    [...next.all()],
    [
      [ben, at(2)],
      [anna, at(3)],
    ],
  );
  next.forget(ben);
  next.flush();
  assert.is(open(folder).remembered.get(ben), undefined);
});

memory('turned off, nothing is on the disk, not even from before', () => {
  const { folder, remembered } = open();
  remembered.set(node(), at(1));
  remembered.flush();
  assert.ok(existsSync(folder.file(ENDPOINTS_FILE)));
  const { remembered: off } = open(folder, false);
  assert.not.ok(existsSync(folder.file(ENDPOINTS_FILE)));
  const anna = node();
  off.set(anna, at(2));
  off.flush();
  assert.equal(off.get(anna), at(2));
  assert.not.ok(existsSync(folder.file(ENDPOINTS_FILE)));
});

memory('bounded: the one not proven for longest goes', () => {
  const { remembered } = open();
  const first = node();
  remembered.set(first, at(1));
  for (let i = 0; i < 1_024; i++) remembered.set(node(), at(2));
  assert.is(remembered.all().size, 1_024);
  assert.is(remembered.get(first), undefined);
});

memory('damage tells nothing', () => {
  const { folder } = open();
  const key = new Uint8Array(32);
  const bad = [[key, '192.0.2.1', 0], [key, 'home', 9], [key.subarray(1), '192.0.2.1', 9], 7];
  const good = [new Uint8Array(32).fill(1), '192.0.2.1', 9];
  for (const content of [
    new Uint8Array(9),
    encode(new Map([[0, 7]])),
    encode(
      new Map<number, number | (typeof bad)[number][]>([
        [0, 1],
        [1, [...bad, good]],
      ]),
    ),
  ]) {
    folder.writeBytes(ENDPOINTS_FILE, content);
    assert.ok(open(folder).remembered.all().size <= 1);
  }
  assert.is(open(folder).remembered.all().size, 1);
});

memory('a disk that is full ends nothing', () => {
  const { folder, remembered, logged } = open();
  folder.writeBytes = () => {
    throw new Error('the disk is full');
  };
  remembered.set(node(), at(1));
  remembered.flush();
  assert.equal(logged, ['endpoints are not kept: the disk is full']);
});

memory.run();
