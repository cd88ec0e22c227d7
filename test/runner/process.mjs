// One command in a process group of its own, with a deadline, its output kept.

import { spawn } from 'node:child_process';

const GRACE_MS = 8_000; // between SIGTERM, on which the lab cleans up, and SIGKILL
const OUTPUT_CHARACTERS_MAX = 1_000_000;

const running = new Set();

/** { code, output, ms, late }: `late` when the deadline ended it. Never rejects. */
export function run(command, args, { deadlineMs, env = {}, cwd } = {}) {
  return new Promise((resolve) => {
    const began = performance.now();
    const stdio = ['ignore', 'pipe', 'pipe'];
    const child = spawn(command, args, {
      cwd,
      detached: true,
      stdio,
      env: { ...process.env, ...env },
    });
    running.add(child);
    let output = '';
    let late = false;
    const take = (text) => {
      if (output.length < OUTPUT_CHARACTERS_MAX) output += text;
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    child.on('error', (error) => take(`${error}\n`));
    const timers = [
      setTimeout(() => {
        late = true;
        signalGroup(child, 'SIGTERM');
      }, deadlineMs),
      setTimeout(() => signalGroup(child, 'SIGKILL'), deadlineMs + GRACE_MS),
    ];
    const finish = (code) => {
      for (const timer of timers) clearTimeout(timer);
      running.delete(child);
      signalGroup(child, 'SIGKILL'); // what it started and did not end
      resolve({ code, output, ms: performance.now() - began, late });
    };
    // 'close' waits for everybody who holds the pipes; the test itself is what counts
    child.on('exit', (code) => setTimeout(() => finish(code ?? -1), 50));
    child.on('close', (code) => child.pid === undefined && finish(code ?? -1));
  });
}

/** Ends all that still runs; for a runner that is interrupted. */
export async function endAll() {
  const ended = [...running].map((child) => new Promise((resolve) => child.on('exit', resolve)));
  for (const child of running) signalGroup(child, 'SIGTERM');
  const timer = setTimeout(() => {
    for (const child of running) signalGroup(child, 'SIGKILL');
  }, GRACE_MS);
  await Promise.all(ended);
  clearTimeout(timer);
}

function signalGroup(child, signal) {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // the group is empty
  }
}
