// Does actions to this machine.

import { readFileSync, writeFileSync } from 'node:fs';
import type { Hands } from './board.js';
import { runIp } from './link.js';
import { type RunProgram, runProgram } from './program.js';
import { type Action, quoted } from './step.js';
import { differs, writeUci } from './uci.js';

/** A file as text; undefined where it cannot be read, which for the kernel's is as good as none. */
export function look(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

export function realHands(run: RunProgram = runProgram): Hands {
  return { look, perform: (actions) => perform(actions, run) };
}

async function perform(actions: readonly Action[], run: RunProgram): Promise<string[]> {
  const remarks: string[] = [];
  const last = new Map<string, readonly string[]>(); // each once, when all is written
  for (const action of actions) {
    const remark = await performOne(action, run, last);
    if (remark !== undefined) remarks.push(remark);
  }
  for (const command of last.values()) {
    const remark = await runOne(command, undefined, run);
    if (remark !== undefined) remarks.push(remark);
  }
  return remarks;
}

async function performOne(
  action: Action,
  run: RunProgram,
  last: Map<string, readonly string[]>,
): Promise<string | undefined> {
  switch (action.do) {
    case 'ip': {
      const [answer] = await runIp([action.line]);
      return answer?.error && `\`ip ${action.line}\` failed: ${answer.error}`;
    }
    case 'run':
      return runOne(action.command, action.input, run);
    case 'write':
      try {
        writeFileSync(action.path, action.text, { flag: 'r+' });
        return undefined;
      } catch (error) {
        return `cannot write ${action.path}: ${(error as NodeJS.ErrnoException).code ?? error}`;
      }
    case 'uci': {
      if (!(await differs(action.section, run))) return undefined;
      if (action.after.length > 0) last.set(action.after.join(' '), action.after);
      return writeUci(action.section, run);
    }
  }
}

async function runOne(
  command: readonly string[],
  input: string | undefined,
  run: RunProgram,
): Promise<string | undefined> {
  const { code, stderr } = await run(command, input);
  if (code === 0) return undefined;
  const why = stderr.trim().split('\n').slice(0, 3).join('; ') || `exit code ${code}`;
  return `\`${command.map(quoted).join(' ')}\` failed: ${why.slice(0, 300)}`;
}
