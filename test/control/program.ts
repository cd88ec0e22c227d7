// The command line as people have it: dist/kith.js in a process of its own.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const PROGRAM = join(import.meta.dirname, '../../dist/kith.js');
const PATIENCE_MS = 60_000;

export type Ran = Readonly<{ code: number | null; stdout: string; stderr: string }>;

/** Runs `kith` with these arguments and this standard input. */
export function kith(args: readonly string[], input = ''): Promise<Ran> {
  if (!existsSync(PROGRAM)) throw new Error('dist/kith.js is missing: npm run build');
  return run(process.execPath, [PROGRAM, ...args], input);
}

export function run(command: string, args: readonly string[], input = ''): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { timeout: PATIENCE_MS, killSignal: 'SIGKILL' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.stdin.on('error', () => {}); // it did not want its input
    child.stdin.end(input);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is gone when the process ends, however its tests went. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), `kith-test-${process.pid}-`));
  folders.push(folder);
  return folder;
}
