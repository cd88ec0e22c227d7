// Running a program of the system's to its end. Never rejects: what went wrong is in the answer.

import { spawn } from 'node:child_process';

export type Ran = Readonly<{
  code: number | null; // null: it did not start, or a signal ended it
  stdout: string;
  stderr: string; // or why it did not start
}>;

export type RunProgram = (command: readonly string[], input?: string) => Promise<Ran>;

const OUTPUT_MAX = 1024 * 1024; // a firewall's whole ruleset is about 100 KiB
const PATIENCE_MS = 20_000; // reloading OpenWrt's firewall takes 3 s on a slow router

export const runProgram: RunProgram = ([program = '', ...args], input = '') =>
  new Promise((resolve) => {
    const child = spawn(program, args, { timeout: PATIENCE_MS });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.length < OUTPUT_MAX) stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < OUTPUT_MAX) stderr += text;
    });
    child.stdin.on('error', () => {}); // it wanted no input
    child.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? `there is no program ${program}` : error.message;
      resolve({ code: null, stdout, stderr: why });
    });
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(input);
  });
