import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Engine, EngineName } from '../../../agent/dataplane/engines/engine.js';
import { SplitEngine } from '../../../agent/dataplane/engines/split.js';
import { newWorkbench, place } from './workbench.js';

const { packets, table } = newWorkbench();
let log: string[] = [];

/** Notes what it is asked; fails when asked for `fails`. */
function spy(name: EngineName, fails = ''): Engine {
  const note = (entry: string) => {
    log.push(entry);
    return entry !== fails;
  };
  return {
    name,
    seal: (first, count) => note(`${name} seal ${first}+${count}`),
    open: (first, count) => note(`${name} open ${first}+${count}`),
    close: () => void note(`${name} close`),
  };
}

function lay(lengths: number[]): void {
  log = [];
  for (const [i, length] of lengths.entries()) packets.write(2 + i, place(i % 8, length));
}

const splitting = suite('dataplane/engines/split');

splitting('each length to its engine, in the longest runs', () => {
  const engine = new SplitEngine(table, spy('simd'), spy('openssl'), 600);
  assert.is(engine.name, 'openssl');
  lay([0, 599, 600, 601, 1_424, 64, 9_000]);
  assert.is(engine.seal(2, 7), true);
  const seals = ['simd seal 2+2', 'openssl seal 4+3', 'simd seal 7+1', 'openssl seal 8+1'];
  assert.equal(log, seals);
  log = [];
  assert.is(engine.open(3, 3), true);
  assert.equal(log, ['simd open 3+1', 'openssl open 4+2']);
  log = [];
  assert.is(engine.seal(2, 0), true);
  assert.equal(log, []);
  engine.close();
  assert.equal(log, ['simd close', 'openssl close']);
});

splitting('a failure of either is a failure of the batch', () => {
  lay([16, 1_000, 16]);
  const first = new SplitEngine(table, spy('simd', 'simd seal 2+1'), spy('openssl'), 600);
  assert.is(first.seal(2, 3), false);
  const second = new SplitEngine(table, spy('simd'), spy('openssl', 'openssl open 3+1'), 600);
  assert.is(second.open(2, 3), false);
});

splitting.run();
