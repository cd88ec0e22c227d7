import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { afterFirst, type Flow } from './measure.js';
import { type Results, type RivalResult, ratios, summarize } from './results.js';
import type { Round } from './round.js';
import { median, quantile, round } from './statistics.js';
import { splice, tables } from './table.js';

const bench = suite('bench/results');

bench('median, quantile and rounding', () => {
  assert.is(median([]), undefined);
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 2, 3]), 2.5);
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  assert.equal([quantile(hundred, 0.99), quantile(hundred, 1), quantile([7], 0.01)], [99, 100, 7]);
  assert.equal([round(1234.5), round(0.012345), round(0)], [1235, 0.0123, 0]);
});

bench('of pings, those count that set out after the first reply', () => {
  assert.equal(afterFirst([]), []);
  const first = { at: 1_000, time: 60 };
  const waited = { at: 1_001, time: 50 };
  const next = { at: 1_001, time: 0.5 };
  const many = Array.from({ length: 200 }, (_, i) => ({ at: 1_010 + 10 * i, time: 0.5 }));
  assert.equal(afterFirst([first, waited, next]), [next]);
  assert.is(afterFirst([first, ...many]).length, 100);
});

function flow(mbit: number, others = 0): Flow {
  const bitsPerSecond = mbit * 1e6;
  return { bitsPerSecond, packetsPerSecond: 0, cpuSeconds: 2, bytes: 1e9, retransmits: 0, others };
}

function aRound(mbit: number, others: number): Round {
  const latency = { median: 0.2, p99: 1, max: 2, lost: 0 };
  const udp64 = { ...flow(1), packetsPerSecond: mbit * 10, bytes: 64e6, others };
  return {
    flows: { tcpAb: flow(mbit, others), tcpBa: flow(2 * mbit), udp64 },
    start: { startMs: 300, first: latency },
    settled: latency,
    memory: {
      a: { peakMib: 50, residentMib: 40, anonymousMib: 20 },
      b: { peakMib: 60, residentMib: 40, anonymousMib: 20 },
    },
    readable: false,
  };
}

function result(name: string, rounds: Round[]): RivalResult {
  return { name, version: '1', cipher: 'x', mtu: 1420, rounds };
}

bench('disturbed runs are left out where there are others, and counted', () => {
  const summary = summarize(result('a', [aRound(100, 0), aRound(10, 0.5), aRound(120, 0)]), 0.1);
  assert.is(summary.tcpAb, 110e6);
  assert.equal([summary.disturbed, summary.flows], [2, 9]);
  assert.is(summary.cpuPerGb, 2);
  assert.is(summary.cpuPerPacket, 2);
  assert.is(summary.peakMib, 60);
  const all = summarize(result('a', [aRound(10, 0.5)]), 0.1);
  assert.is(all.tcpAb, 10e6);
});

bench('a ratio takes the worse direction', () => {
  const kith = summarize(result('kith', [aRound(300, 0)]), 0.1);
  const rival = { ...summarize(result('x', [aRound(100, 0)]), 0.1), tcpBa: 1_200e6 };
  const { tcp, udp64, cpu, memory } = ratios('x', kith, rival);
  assert.equal([tcp, udp64, cpu, memory], [0.5, 3, 1, 1]);
});

bench('tables have the ratios first and go between the markers of a README', () => {
  const machine = { processor: 'P', cores: 2, memoryGib: 1, kernel: '6', system: 'D', node: '20' };
  const settings = { seconds: 5, pings: 1, settleMs: 0, noiseMax: 0.1, repeats: 0, quietWaitMs: 0 };
  const rivals = [result('kith', [aRound(300, 0)]), result('tinc', [aRound(100, 0)])];
  const broken = { ...result('n2n', []), problem: 'not there\nlog' };
  const results: Results = {
    date: '2026-01-01T00:00:00Z',
    command: 'npm run bench',
    machine,
    settings,
    rivals: [...rivals, broken],
  };
  const text = tables(results);
  assert.ok(text.indexOf('| tinc | 3 |') > 0, text);
  assert.ok(text.indexOf('| tinc | 3 |') < text.indexOf('| tinc | x | 100 |'), text);
  assert.match(text, 'n2n: not there\n');
  const file = join(mkdtempSync(join(tmpdir(), 'table-')), 'README.md');
  writeFileSync(file, 'before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n');
  splice(file, 'new\n');
  const want = 'before\n<!-- bench: begin -->\nnew\n<!-- bench: end -->\nafter\n';
  assert.is(readFileSync(file, 'utf8'), want);
  writeFileSync(file, 'no markers');
  assert.throws(() => splice(file, 'new'), /lacks the lines/);
  rmSync(join(file, '..'), { recursive: true });
});

bench.run();
