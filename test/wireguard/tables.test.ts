import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Indices, Rows } from '../../agent/wireguard/tables.js';

const tables = suite('wireguard/tables');

tables('rows: the lowest that is free', () => {
  const rows = new Rows<string>();
  const add = () => Number(rows.add((row) => `${row}`));
  assert.equal([add(), add(), add(), add()], [0, 1, 2, 3]);
  rows.remove(2);
  rows.remove(1);
  assert.is(rows.get(1), undefined);
  assert.equal([add(), add(), add()], [1, 2, 4]);
  rows.remove(9);
  assert.is(add(), 5);
  assert.equal([...rows.values()].sort(), ['0', '1', '2', '3', '4', '5']);
});

tables('rows: full is full', () => {
  const rows = new Rows<number>(2);
  rows.add((row) => row);
  assert.not(rows.full);
  rows.add((row) => row);
  assert.ok(rows.full);
  assert.throws(() => rows.add((row) => row), /full/);
  rows.remove(0);
  assert.is(
    rows.add((row) => row),
    0,
  );
});

tables('indices: random u32, none twice, free again once removed', () => {
  const given = [1, 1, 2, 2 ** 32 - 1, 1];
  const indices = new Indices<string>((n) => {
    assert.is(n, 4);
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(given.shift()!, 4);
    return bytes.subarray(4);
  });
  assert.is(indices.add('a'), 1);
  assert.is(indices.add('b'), 2);
  assert.is(indices.add('c'), 2 ** 32 - 1);
  assert.is(indices.get(2), 'b');
  assert.is(indices.size, 3);
  indices.remove(1);
  assert.is(indices.get(1), undefined);
  assert.is(indices.add('d'), 1);
});

tables.run();
