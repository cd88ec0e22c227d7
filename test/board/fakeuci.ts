// Stands in for OpenWrt's `uci`: batch lines, show, commit, on sections in memory. What the real
// program makes of the same lines is looked at in test/board/openwrt/real.ts.

import type { Ran, RunProgram } from '../../board/program.js';
import { readWords } from '../../board/uci.js';

type Section = { type: string; options: Map<string, string[]> };

export class FakeUci {
  readonly sections = new Map<string, Section>(); // `package.name`
  readonly commits: string[] = [];
  readonly others: string[] = []; // what else was run

  readonly run: RunProgram = async ([program = '', ...args], input = ''): Promise<Ran> => {
    if (program !== 'uci') {
      this.others.push([program, ...args].join(' '));
      return { code: 0, stdout: '', stderr: '' };
    }
    const [verb, path = ''] = args.filter((arg) => !arg.startsWith('-'));
    if (verb === 'show') return this.show(path);
    if (verb === 'commit') this.commits.push(path);
    if (verb === 'batch')
      for (const line of input.trim().split('\n'))
        if (!this.line(line)) return { code: 1, stdout: '', stderr: `bad line ${line}` };
    return { code: 0, stdout: '', stderr: '' };
  };

  private show(path: string): Ran {
    const stdout = [...this.sections].flatMap(([name, { type, options }]) => {
      if (name !== path && !name.startsWith(`${path}.`)) return [];
      const lines = [...options].map(
        ([key, values]) => `${name}.${key}=${values.map((value) => `'${value}'`).join(' ')}`,
      );
      return [`${name}=${type}`, ...lines];
    });
    const code = stdout.length > 0 ? 0 : 1;
    return { code, stdout: stdout.map((line) => `${line}\n`).join(''), stderr: '' };
  }

  private line(line: string): boolean {
    const [, verb = '', path = '', option, , text = ''] =
      /^(\w+) (\w+\.(?:@\w+\[\d+\]|\w+))(?:\.(\w+))?(=(.*))?$/.exec(line) ?? [];
    const [value = ''] = readWords(text);
    const section = this.sections.get(path);
    if (verb === 'set' && option === undefined)
      this.sections.set(path, { type: value, options: section?.options ?? new Map() });
    else if (verb === 'delete' && option === undefined) return this.sections.delete(path);
    else if (!section || option === undefined) return false;
    else if (verb === 'delete') return section.options.delete(option);
    else if (verb === 'set') section.options.set(option, [value]);
    else {
      const there = section.options.get(option) ?? [];
      const rest = there.filter((one) => one !== value);
      section.options.set(option, verb === 'add_list' ? [...there, value] : rest);
    }
    return true;
  }
}
