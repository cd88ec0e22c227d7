// roster.cbor: what is written is read again; what is damaged is said to be; a full disk ends
// nothing.

import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Cbor, encode } from '../../agent/bytes/cbor.js';
import { Failure } from '../../agent/commands/failure.js';
import { Folder } from '../../agent/control/folder.js';
import {
  LazyFile,
  ROSTER_BYTES_MAX,
  readRoster,
  writeRoster,
} from '../../agent/control/rosterfile.js';
import { BYTES_MAX, STATEMENTS_MAX } from '../../agent/identity/ledger.js';
import { idOf } from '../../agent/identity/nodeid.js';
import { temporaryFolder } from './program.js';

const bytes = (count: number) => new Uint8Array(randomBytes(count));
const folder = () => new Folder(temporaryFolder());
const some = () => ({
  meshKey: bytes(32),
  statements: [bytes(100), bytes(200)],
  believed: [{ node: idOf(bytes(32)), endpoint: { address: '2001:db8::1', port: 51820 } }],
  shares: [bytes(48)],
});

const files = suite('control/rosterfile');

files('what is written is read again', () => {
  const where = folder();
  assert.is(readRoster(where), undefined);
  const written = some();
  writeRoster(where, written);
  assert.equal(readRoster(where), written);
});

files('the largest roster that there can be is read again', () => {
  const where = folder();
  const each = Math.floor(BYTES_MAX / STATEMENTS_MAX);
  const statement = bytes(each);
  const written = {
    ...some(),
    statements: Array.from({ length: STATEMENTS_MAX }, () => statement),
  };
  writeRoster(where, written);
  assert.is(readRoster(where)?.statements.length, STATEMENTS_MAX);
});

files('damage is said, whatever it is', () => {
  const where = folder();
  const { meshKey } = some();
  const damaged: Uint8Array[] = [new Uint8Array(0), bytes(64), encode(7)];
  const map = (...entries: [number, Cbor][]) =>
    damaged.push(
      encode(new Map<number, Cbor>([[0, 1], [1, meshKey], [2, []], [3, []], ...entries])),
    );
  map([0, 2]);
  map([1, bytes(31)]);
  map([2, [7]]);
  map([3, [[bytes(32), '192.0.2.1', 0]]]);
  map([3, [[bytes(32), 'home', 7]]]);
  map([3, [[bytes(9), '192.0.2.1', 7]]]);
  map([4, ['share']]);
  for (const content of damaged) {
    where.writeBytes('roster.cbor', content);
    assert.throws(
      () => readRoster(where),
      (error: unknown) => error instanceof Failure,
    );
  }
  where.writeBytes('roster.cbor', new Uint8Array(ROSTER_BYTES_MAX + 1));
  assert.throws(() => readRoster(where), /damaged/);
});

files('written once for many wishes, and at once when it is flushed', async () => {
  let count = 0;
  const file = new LazyFile(() => count++, assert.unreachable, 20);
  file.flush();
  assert.is(count, 0);
  for (let i = 0; i < 5; i++) file.touch();
  await pause(60);
  assert.is(count, 1);
  file.touch();
  file.flush();
  await pause(40);
  assert.is(count, 2);
});

files('what cannot be written is told, kills nobody, and is written later', async () => {
  let isFull = true;
  let count = 0;
  const reasons: string[] = [];
  const write = () => {
    if (isFull) throw new Failure('the disk is full');
    count++;
  };
  const file = new LazyFile(write, (reason) => reasons.push(reason), 5);
  file.touch();
  await pause(30);
  assert.equal(reasons, ['the disk is full']);
  isFull = false;
  file.flush();
  assert.is(count, 1);
});

files.run();
