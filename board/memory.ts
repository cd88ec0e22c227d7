// The way back, in a file: found at the next start where a run was ended before it could go it.
// Under /run, which is empty after a reboot, as the machine then is as it was.

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Memory } from './board.js';
import type { Action } from './step.js';

const BYTES_MAX = 1024 * 1024; // it is ours, and a few hundred bytes; a broken one fills no memory

export class FileMemory implements Memory {
  constructor(private readonly path: string) {}

  /** What is damaged is as good as none: guessing would undo what was never done. */
  read(): readonly Action[] {
    try {
      const text = readFileSync(this.path, 'utf8');
      if (text.length > BYTES_MAX) return [];
      const { version, undo } = JSON.parse(text) as { version?: unknown; undo?: unknown };
      return version === 1 && Array.isArray(undo) ? undo.filter(isAction) : [];
    } catch {
      return [];
    }
  }

  write(undo: readonly Action[]): void {
    if (undo.length === 0) {
      rmSync(this.path, { force: true });
      return;
    }
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o755 });
    const next = `${this.path}.new`;
    const file = openSync(next, 'w', 0o600);
    try {
      writeSync(file, `${JSON.stringify({ version: 1, undo })}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(next, this.path);
  }
}

function isAction(value: unknown): value is Action {
  if (typeof value !== 'object' || value === null || !('do' in value)) return false;
  const action = value as Record<string, unknown>;
  switch (action.do) {
    case 'ip':
      return typeof action.line === 'string';
    case 'run':
      return Array.isArray(action.command) && action.command.every((w) => typeof w === 'string');
    case 'write':
      return typeof action.path === 'string' && typeof action.text === 'string';
    case 'uci':
      return typeof action.section === 'object' && action.section !== null;
    default:
      return false;
  }
}
