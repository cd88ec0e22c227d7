// The Markdown tables: ratios first, then what was measured.

import { readFileSync, writeFileSync } from 'node:fs';
import { type Results, ratios, type Summary, summarize } from './results.js';
import { round } from './statistics.js';

const BEGIN = '<!-- bench: begin -->';
const END = '<!-- bench: end -->';

export function tables(results: Results): string {
  const { machine, settings, rivals } = results;
  const summaries = rivals.map((rival) => ({
    rival,
    summary: summarize(rival, settings.noiseMax),
  }));
  const kith = summaries.find(({ rival }) => rival.name === 'kith');
  const rounds = Math.max(0, ...rivals.map((rival) => rival.rounds.length));
  const parts = [
    `${machine.processor}, ${machine.cores} cores that both ends and the traffic's ends share, ` +
      `${machine.system}, Linux ${machine.kernel}, Node ${machine.node}; ${rounds} alternating ` +
      `rounds, medians; ${results.date.slice(0, 10)}. Remake it: \`${results.command}\``,
  ];
  if (kith)
    parts.push(
      ratioTable(
        kith.summary,
        summaries.filter((each) => each !== kith),
      ),
    );
  parts.push(
    measureTable(summaries.map(({ rival, summary }) => [rival.name, rival.cipher, summary])),
  );
  const problems = rivals.filter(({ problem }) => problem !== undefined);
  for (const { name, problem } of problems) parts.push(`${name}: ${problem?.split('\n')[0]}`);
  return `${parts.join('\n\n')}\n`;
}

function ratioTable(
  kith: Summary,
  others: readonly { rival: { name: string }; summary: Summary }[],
): string {
  const rows = others
    .map(({ rival, summary }) => ratios(rival.name, kith, summary))
    .filter(({ tcp, udp64 }) => tcp !== undefined || udp64 !== undefined)
    .map((r) => [r.name, ...[r.tcp, r.tcp4, r.udp64, r.latency, r.cpu, r.memory].map(times)]);
  const head = ['kith against', 'TCP, 1 stream', 'TCP, 4 streams', '64-byte packets'];
  return markdown([...head, 'latency', 'CPU per GB', 'peak memory'], rows);
}

function measureTable(rows: readonly [string, string, Summary][]): string {
  const head = ['', 'cipher', 'TCP →', 'TCP ←', '4 streams →', '4 streams ←', '64-byte packets/s'];
  head.push('first 100 pings ms, median / p99', 'settled, median / p99', 'CPU s per GB');
  head.push('peak MiB', 'start ms');
  return markdown(
    head,
    rows.map(([name, cipher, s]) => [
      s.disturbed > 0 ? `${name} (${s.disturbed} of ${s.flows} disturbed)` : name,
      cipher,
      ...[s.tcpAb, s.tcpBa, s.tcp4Ab, s.tcp4Ba].map((speed) => number(speed && speed / 1e6, 0)),
      number(s.udp64, 0),
      pair(s.firstMs),
      pair(s.settledMs),
      number(s.cpuPerGb, 1),
      number(s.peakMib, 0),
      number(s.startMs, 0),
    ]),
  ).replace('TCP →', 'TCP → Mbit/s');
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

function number(value: number | undefined, digits: number): string {
  if (value === undefined || !Number.isFinite(value)) return '–';
  return value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, digits === 0 ? ',' : '');
}

function pair(value: { median: number; p99: number } | undefined): string {
  return value === undefined ? '–' : `${value.median.toFixed(2)} / ${value.p99.toFixed(2)}`;
}

function times(value: number | undefined): string {
  return value === undefined ? '–' : `${round(value, 2)}`;
}

/** Puts the tables between the markers of README.md. */
export function splice(file: string, text: string): void {
  const old = readFileSync(file, 'utf8');
  const begin = old.indexOf(BEGIN);
  const end = old.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${file} lacks the lines ${BEGIN} and ${END}`);
  writeFileSync(file, `${old.slice(0, begin + BEGIN.length)}\n${text}${old.slice(end)}`);
}
