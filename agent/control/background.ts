// Sending `kith wg NAME` to the background: the same program again, detached from the terminal,
// which tells over its channel when it is ready, or why it cannot be.

import { spawn } from 'node:child_process';
import { closeSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { Failure } from '../commands/failure.js';

const READY_MS = 30_000;
const O_CLOEXEC = 0o2000000; // fcntl.h; in /proc/PID/fdinfo, octal

type Report = Readonly<{ ready: true } | { failure: string }>;

/** Resolves when the second process is ready; it goes on by itself. Rejects with its reason. */
export async function startBehind(name: string): Promise<void> {
  closeInherited();
  // The file itself, by whatever name this process was called (see stdio.ts).
  const [node, script] = [process.execPath, realpathSync(process.argv[1] ?? '')];
  const child = spawn(node, [...process.execArgv, script, 'wg', '-f', name], {
    detached: true, // a session of its own: no terminal's end reaches it
    cwd: '/',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  try {
    const report = await new Promise<Report>((resolve) => {
      const fail = (failure: string) => resolve({ failure });
      const timer = setTimeout(() => fail(`not ready after ${READY_MS / 1000} s`), READY_MS);
      child.on('message', (message) => resolve(readReport(message)));
      child.on('error', (error) => fail(error.message));
      child.on('exit', (code, signal) => fail(`ended early (${signal ?? `exit code ${code}`})`));
      child.on('close', () => clearTimeout(timer));
      child.on('message', () => clearTimeout(timer));
    });
    if ('ready' in report) return;
    child.kill('SIGKILL');
    throw new Failure(report.failure);
  } finally {
    if (child.connected) child.disconnect();
    child.unref();
  }
}

/**
 * Closes what our caller left open, or the background would keep it: a shell that reads our output
 * through a pipe would wait for its end for ever. Everything of Node's own is marked close-on-exec.
 */
function closeInherited(): void {
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    if (fd > 2 && !isCloseOnExec(fd)) closeSync(fd);
  }
}

function isCloseOnExec(fd: number): boolean {
  try {
    const [, flags = '0'] =
      /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
    return (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0;
  } catch {
    return true; // the folder we just listed, closed by now
  }
}

/** Whether somebody waits for our report. */
export function isBackground(): boolean {
  return process.send !== undefined && process.connected;
}

export function reportReady(): void {
  report({ ready: true });
}

export function reportFailure(failure: string): void {
  report({ failure });
}

function report(report: Report): void {
  if (isBackground()) process.send?.(report, () => process.connected && process.disconnect());
}

function readReport(message: unknown): Report {
  if (typeof message !== 'object' || message === null) return { failure: 'no report' };
  if ('ready' in message) return { ready: true };
  return { failure: 'failure' in message ? String(message.failure) : 'no report' };
}
