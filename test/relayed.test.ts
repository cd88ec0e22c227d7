// relayed.cbor: what was relayed this month.

import { existsSync, statSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Cbor, encode } from '../agent/bytes/cbor.js';
import { Folder } from '../agent/control/folder.js';
import { RELAYED_FILE, Relayed } from '../agent/relayed.js';
import { temporaryFolder } from './control/program.js';

const OCTOBER = 24_321; // months since January of year 0

function open(folder = new Folder(temporaryFolder())) {
  const logged: string[] = [];
  const relayed = new Relayed(folder, (_level, line) => logged.push(line));
  return { folder, relayed, logged };
}

const books = suite('relayed');

books('what was given is not forgotten at a restart; nothing given, nothing written', () => {
  const { folder, relayed } = open();
  assert.equal(relayed.ledger, { month: 0, bytes: 0 });
  relayed.ledger.month = OCTOBER; // a new month alone is no news
  relayed.flush();
  assert.not(existsSync(folder.file(RELAYED_FILE)));
  relayed.ledger.bytes = 5e9;
  relayed.flush();
  const { relayed: next } = open(folder);
  assert.equal(next.ledger, { month: OCTOBER, bytes: 5e9 });
  const { ino } = statSync(folder.file(RELAYED_FILE));
  next.flush();
  assert.is(statSync(folder.file(RELAYED_FILE)).ino, ino, 'not written again');
  Object.assign(next.ledger, { month: OCTOBER + 1, bytes: 0 });
  next.flush();
  assert.equal(open(folder).relayed.ledger, { month: OCTOBER + 1, bytes: 0 });
});

books('it is not written each time that it grows', () => {
  const { folder, relayed } = open();
  let written = 0;
  folder.writeBytes = () => void written++;
  for (let i = 1; i <= 100; i++) {
    relayed.ledger.bytes = i;
    relayed.look();
  }
  assert.is(written, 0);
  relayed.flush();
  relayed.flush();
  assert.is(written, 1);
});

books('damage tells nothing', () => {
  const { folder } = open();
  const wrong: [number, Cbor][][] = [
    [[0, 2]],
    [[0, 1]],
    [
      [0, 1],
      [1, -1],
      [2, 9],
    ],
    [
      [0, 1],
      [1, OCTOBER],
      [2, 'many'],
    ],
  ];
  for (const content of [new Uint8Array(9), ...wrong.map((map) => encode(new Map(map)))]) {
    folder.writeBytes(RELAYED_FILE, content);
    assert.equal(open(folder).relayed.ledger, { month: 0, bytes: 0 });
  }
});

books('a disk that is full ends nothing', () => {
  const { folder, relayed, logged } = open();
  folder.writeBytes = () => {
    throw new Error('the disk is full');
  };
  relayed.ledger.bytes = 1;
  relayed.flush();
  assert.equal(logged, ['relayed bytes are not kept: the disk is full']);
});

books.run();
