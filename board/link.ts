// The tunnel's interface as the kernel sees it: addresses, MTU, up, routes. Everything goes with
// the interface when its process ends, so there is nothing to undo after a crash.

import { spawn } from 'node:child_process';
import { formatPrefix, type Prefix } from '../agent/bytes/address.js';
import { familyOf, ipLine, ipUndoLine } from './iplines.js';
import type { Step } from './step.js';

export type Link = Readonly<{
  name: string;
  mtu: number;
  addresses: readonly string[]; // with lengths
}>;

/** A line for `ip -batch` and what the kernel answered to it; undefined: it was done. */
export type Answer = Readonly<{ line: string; error: string | undefined }>;

/**
 * Runs lines of `ip`, all of them even where one fails. `family`: where the lines do not tell, such
 * as those of rules; IPv4 where it is left out.
 */
export type Ip = (lines: readonly string[], family?: 4 | 6) => Promise<Answer[]>;

const OUTPUT_MAX = 1024 * 1024;

/**
 * Gives the interface its addresses and sets it up. Returns remarks; rejects where it is no use.
 */
export async function setLinkUp(link: Link, ip: Ip = runIp): Promise<string[]> {
  const answers = await ip(linkLines(link));
  const failed = answers.filter(({ error }) => error !== undefined);
  // A machine with IPv6 switched off has a use for the rest.
  const serious = failed.find(({ line }) => !(line.startsWith('address') && line.includes(':')));
  if (serious) throw new Error(`\`ip ${serious.line}\` failed: ${serious.error}`);
  return remarks(failed);
}

/** What sets the interface up, in this order. */
export function linkLines(link: Link): string[] {
  return [
    `link set dev ${link.name} mtu ${link.mtu}`,
    ...link.addresses.map((address) =>
      ipLine({ kind: 'address', device: link.name, address: withLength(address) }),
    ),
    `link set dev ${link.name} up`,
  ];
}

/** Routes into the interface, removed and added; what fails is remarked on and left. */
export async function changeRoutes(
  name: string,
  remove: readonly Prefix[],
  add: readonly Prefix[],
  ip: Ip = runIp,
): Promise<string[]> {
  if (remove.length + add.length === 0) return [];
  const step = (prefix: Prefix) => routeStep(name, prefix);
  return remarks(
    await ip([
      ...remove.map((prefix) => ipUndoLine(step(prefix))),
      ...add.map((prefix) => ipLine(step(prefix))),
    ]),
  );
}

/** A route into the interface. */
export function routeStep(device: string, prefix: Prefix): Extract<Step, { kind: 'route' }> {
  return { kind: 'route', device, to: formatPrefix(prefix) };
}

/** For people: what could not be done, and why. */
export function remarks(answers: readonly Answer[]): string[] {
  return answers.flatMap(({ line, error }) =>
    error === undefined ? [] : [`\`ip ${line}\` failed: ${error}`],
  );
}

/** Both lists as they are and as they should be; the difference is what changes. */
export function routeDifference(
  before: readonly Prefix[],
  after: readonly Prefix[],
): { remove: Prefix[]; add: Prefix[] } {
  const was = new Set(before.map(formatPrefix));
  const is = new Set(after.map(formatPrefix));
  return {
    remove: before.filter((prefix) => !is.has(formatPrefix(prefix))),
    add: after.filter((prefix) => !was.has(formatPrefix(prefix))),
  };
}

/** One process for all lines: 130,000 routes take seconds, not hours. */
export function runIp(lines: readonly string[], family?: 4 | 6): Promise<Answer[]> {
  return new Promise((resolve, reject) => {
    const flags = [...(family === undefined ? [] : [`-${family}`]), '-force', '-batch', '-'];
    const child = spawn('ip', flags, { stdio: ['pipe', 'ignore', 'pipe'] });
    let output = '';
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => {
      if (output.length < OUTPUT_MAX) output += text;
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      const missing = 'the command `ip` is missing: install the package iproute2';
      reject(error.code === 'ENOENT' ? new Error(missing) : error);
    });
    child.once('close', (code) => {
      try {
        resolve(readAnswers(lines, output, code));
      } catch (error) {
        reject(error);
      }
    });
    child.stdin.on('error', () => {}); // it ended early; `close` tells
    child.stdin.end(`${lines.join('\n')}\n`);
  });
}

/**
 * `ip` prints what went wrong, then `Command failed -:LINE`, counted from 1. At a line that it does
 * not even understand it gives up: that is thrown, for then the rest was not done.
 */
export function readAnswers(
  lines: readonly string[],
  output: string,
  code: number | null,
): Answer[] {
  const errors = new Map<number, string>();
  let said: string[] = [];
  for (const line of output.split('\n')) {
    const number = /^Command failed -:(\d+)/.exec(line)?.[1];
    if (number === undefined) {
      if (line.trim() !== '') said.push(line.trim());
      continue;
    }
    errors.set(Number(number), said.join('; ').replace(/^(RTNETLINK answers|Error): /, ''));
    said = [];
  }
  if (said.length > 0 && code !== 0) throw new Error(`\`ip\` gave up: ${said.join('; ')}`);
  return lines.map((line, i) => ({ line, error: errors.get(i + 1) }));
}

function withLength(address: string): string {
  if (address.includes('/')) return address;
  return `${address}/${familyOf(address) === 4 ? 32 : 128}`;
}
