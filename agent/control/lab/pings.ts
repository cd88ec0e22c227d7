// Packets of users between all that live in a lab, once a second each way: what makes the paths,
// and shows that they carry something.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Spaces } from './spaces.js';

const SILENT_MS = 2_500; // two answers missed

export class Pings {
  private readonly last = new Map<string, { rttMs: number; at: number }>();
  private readonly running = new Map<string, { address: string; child: ChildProcess }>();

  constructor(private readonly spaces: Spaces) {}

  /** Pings `address` of `to` from the namespace of `from`, instead of what was pinged before. */
  aim(from: string, to: string, address: string): void {
    const name = `${from} ${to}`;
    const before = this.running.get(name);
    const alive = before?.child.exitCode === null && before.child.signalCode === null;
    if (before?.address === address && alive) return;
    before?.child.kill();
    const [program = '', ...rest] = this.spaces.prefix(from);
    const child = spawn(program, [...rest, 'ping', '-n', '-i', '1', address], {
      detached: true, // Ctrl-C is the lab's to handle
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    child.on('error', () => {}); // no ping here: everything looks silent
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const [, rtt] = /time[=<]\s*([\d.]+)\s*ms/.exec(text) ?? [];
      if (rtt !== undefined) this.last.set(name, { rttMs: Number(rtt), at: performance.now() });
    });
    this.running.set(name, { address, child });
  }

  /** Null where nothing came back lately. */
  rtt(from: string, to: string): number | null {
    const last = this.last.get(`${from} ${to}`);
    return last !== undefined && performance.now() - last.at < SILENT_MS ? last.rttMs : null;
  }

  stop(): void {
    for (const { child } of this.running.values()) child.kill();
  }
}
