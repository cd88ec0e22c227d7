// npm run bench: kith against other VPNs, side by side in network namespaces on this machine.
//
//   npm run bench -- [options]              needs root; installs the rivals from Debian
//     --only kith,tinc     these, by name (--list shows all)
//     --rounds N           5: every rival in turn, N times
//     --seconds N          5: of one flow
//     --quick              one round of 2 s: is everything alive?
//     --json FILE          the results as JSON, after every round (test/.cache/bench.json)
//     --table FILE         no measuring: the tables of such a file
//     --readme             puts the tables into README.md
//     --many               instead: 100 active of 1,000 configured peers (--active, --configured)
//     --memory             instead: memory under load, and idle CPU (--minutes 10), of `kith wg`
//     --agent              ... of `kith up`
//     --cores              instead: one core and all of them

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { fetchFromTrixie, install, isThere, trixieProgram } from './debian.js';
import { machineFacts } from './machine.js';
import type { Results, RivalResult } from './results.js';
import { RIVALS } from './rivals/all.js';
import type { Rival } from './rivals/rival.js';
import { runRound, type Settings } from './round.js';
import { cores } from './scenarios/cores.js';
import { many } from './scenarios/many.js';
import { memory } from './scenarios/memory.js';
import { splice, tables } from './table.js';

const ROOT = join(import.meta.dirname, '../..');
const COMMON = ['iproute2', 'iputils-ping', 'iperf3', 'tcpdump', 'wireguard-tools', 'openssl'];

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    minutes: { type: 'string', default: '10' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string', default: join(ROOT, 'test/.cache/bench.json') },
    table: { type: 'string' },
    readme: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    many: { type: 'boolean', default: false },
    active: { type: 'string', default: '100' },
    configured: { type: 'string', default: '1000' },
    memory: { type: 'boolean', default: false },
    agent: { type: 'boolean', default: false },
    cores: { type: 'boolean', default: false },
  },
});

const say = (line: string) => console.error(line);

function chosen(): Rival[] {
  if (options.only === undefined) return [...RIVALS];
  return options.only.split(',').map((name) => {
    const rival = RIVALS.find((each) => each.name === name);
    if (!rival) throw new RangeError(`no rival "${name}" (--list shows all)`);
    return rival;
  });
}

/** Installs a rival; says why it cannot be measured, or undefined when it can. */
function obtain(rival: Rival): string | undefined {
  try {
    install(rival.packages);
    if (rival.program === trixieProgram('wireguard-go')) fetchFromTrixie('wireguard-go');
  } catch (error) {
    return String(error);
  }
  return isThere(rival.program) ? undefined : `${rival.program} is not there`;
}

function versionOf({ version: [program = '', ...args], name }: Rival): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 5_000 });
  const lines = `${stdout ?? ''}\n${stderr ?? ''}`.split('\n');
  return lines.find((line) => /\d+\.\d+/.test(line))?.trim() ?? name;
}

async function measure(): Promise<Results> {
  const rounds = options.quick ? 1 : Number(options.rounds);
  const settings: Settings = options.quick
    ? { seconds: 2, pings: 100, settleMs: 500, noiseMax: 1, repeats: 0, quietWaitMs: 0 }
    : {
        seconds: Number(options.seconds),
        pings: 300,
        settleMs: 2_000,
        noiseMax: 0.1,
        repeats: 2,
        quietWaitMs: 20_000,
      };
  const rivals = chosen();
  const results: Results = {
    date: new Date().toISOString(),
    command: `npm run bench -- ${process.argv.slice(2).join(' ')}`.replace(/( -- )?$/, ''),
    machine: machineFacts(),
    settings,
    rivals: rivals.map((rival) => {
      const problem = obtain(rival);
      const { name, cipher, mtu } = rival;
      const version = problem === undefined ? versionOf(rival) : '';
      return { name, cipher, mtu, version, rounds: [], ...(problem && { problem }) };
    }),
  };
  const began = performance.now();
  const steps = rounds * rivals.length;
  for (let step = 0; step < steps; step++) {
    const index = step % rivals.length; // round by round, so that drift of the machine hits all
    const rival = rivals[index];
    const result = results.rivals[index];
    if (!rival || !result || result.problem !== undefined) continue;
    await measureOnce(rival, result, settings);
    mkdirSync(dirname(options.json), { recursive: true });
    writeFileSync(options.json, JSON.stringify(results, null, 1));
    const left = ((performance.now() - began) / (step + 1)) * (steps - step - 1);
    say(`${step + 1}/${steps} ${rival.name}: ${glance(result)}; ${duration(left)} left`);
  }
  return results;
}

async function measureOnce(rival: Rival, result: RivalResult, settings: Settings): Promise<void> {
  try {
    result.rounds.push(await runRound(rival, settings, result.rounds.length === 0));
  } catch (error) {
    result.problem = error instanceof Error ? error.message : String(error);
    say(`${rival.name}: ${result.problem}`);
  }
}

function glance({ rounds, problem }: RivalResult): string {
  const last = rounds.at(-1);
  if (!last) return `failed: ${problem?.split('\n')[0]}`;
  const { tcpAb, tcpBa, udp64 } = last.flows;
  const speeds = [tcpAb, tcpBa].map((each) => Math.round((each?.bitsPerSecond ?? 0) / 1e6));
  const packets = Math.round((udp64?.packetsPerSecond ?? 0) / 1_000);
  const others = Math.max(...Object.values(last.flows).map((each) => each.others));
  const disturbance = `others up to ${Math.round(others * 100)} %`;
  return `${speeds.join(' / ')} Mbit/s, ${packets} k packets/s, ${disturbance}`;
}

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  return minutes === 0 ? 'less than a minute' : `about ${minutes} minutes`;
}

/** Plain JavaScript without types, since the test runner has it before anything is installed. */
async function build(): Promise<void> {
  const setup = new URL('../runner/setup.mjs', import.meta.url).href;
  const { isStale } = (await import(setup)) as { isStale: (root: string) => boolean };
  if (!isStale(ROOT)) return;
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' });
}

async function main(): Promise<void> {
  if (options.list) return console.log(RIVALS.map(({ name }) => name).join('\n'));
  if (options.table === undefined) {
    if (process.getuid?.() !== 0) throw new Error('needs root: network namespaces');
    install(COMMON);
    if (chosen().some(({ name }) => name.startsWith('kith'))) await build();
    if (options.many) return many(Number(options.active), Number(options.configured), say);
    if (options.memory) {
      return memory(options.agent ? 'up' : 'wg', Number(options.minutes), say);
    }
    if (options.cores) return cores(say);
  }
  const results =
    options.table === undefined
      ? await measure()
      : (JSON.parse(readFileSync(options.table, 'utf8')) as Results);
  const text = tables(results);
  console.log(text);
  if (options.readme) splice(join(ROOT, 'README.md'), text);
  if (results.rivals.some(({ problem }) => problem !== undefined)) process.exitCode = 1;
}

await main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
