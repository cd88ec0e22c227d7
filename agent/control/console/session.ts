// What happens on a console: it sleeps until somebody presses Enter, asks for the PIN where there
// is one, offers the wizard on a fresh node, and then runs what is typed, line by line.
//
//    asleep ──Enter──▶ PIN ──▶ (setup) ──▶ shell ──exit, Ctrl-D, idle, only noise──▶ asleep
//       ◀───wrong, too long───┘
//
// Beside it, at any time, machine mode (machine.ts) may take the line over, and give it back.

import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from '../../commands/command.js';
import { Failure } from '../../commands/failure.js';
import { wipe } from '../../crypto/secret.js';
import { VERSION } from '../version.js';
import { type Completion, complete } from './complete.js';
import type { PinGate } from './gate.js';
import { EntryWatch, MACHINE, MachineMode } from './machine.js';
import { BUILTINS, perform, type Shell } from './perform.js';
import { Provision } from './provision.js';
import { isFresh, SPOILED, setUp } from './setup.js';
import { DUMB_SIZE, Terminal } from './terminal.js';

export type SessionOptions = Omit<Shell, 'terminal'> &
  Readonly<{
    write(bytes: Uint8Array): void;
    name(): string;
    /** What the console asks for, to be wiped; undefined: nothing. Throws Failure. */
    pin(): Uint8Array | undefined;
    gate: PinGate;
    commands: readonly Command[];
    /** Milliseconds without a key after which somebody forgot to leave, where there is a PIN. */
    idleMs: number;
  }>;

const PIN_MS = 60_000;
const MACHINE_IDLE_MS = 60_000; // a tool that died must not keep the line
const WRONG_MAX = 8; // lines in a row that are no commands: that is an echo, or noise
const DEAF_MS = 250; // after going to sleep: what comes back of our own words is no Enter

export class Session {
  private readonly terminal: Terminal;
  private readonly shell: Shell;
  private readonly provision: Provision;
  private open = false; // the PIN was given, or there is none
  private closed = false;
  private spoiled = 0;
  private machineTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: SessionOptions) {
    this.terminal = new Terminal({
      write: options.write,
      onProgram: (text) => (text === MACHINE ? this.enterMachine() : undefined),
    });
    this.shell = { ...options, terminal: this.terminal };
    this.provision = new Provision({
      ...options,
      isOpen: () => this.open,
      leave: () => this.leaveMachine(),
    });
  }

  start(): void {
    this.run().catch((error: unknown) => {
      // Our own mistake. The tunnel is worth more than its console: that one begins anew.
      this.options.log('error', `console: ${error instanceof Error ? error.stack : String(error)}`);
      this.terminal.print('Something went wrong here; the log has it.');
      this.open = false;
      if (!this.closed) setTimeout(() => this.start(), 1_000).unref();
    });
  }

  feed(bytes: Uint8Array): void {
    this.terminal.feed(bytes);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.machineTimer);
    this.terminal.close();
  }

  private async run(): Promise<void> {
    while (!this.closed) {
      this.terminal.write(`\n${this.options.name()}: kith ${VERSION}, press Enter\n`);
      await pause(DEAF_MS);
      this.terminal.flush();
      if (!(await this.wake())) continue;
      this.open = await this.login();
      if (this.open) await this.serve();
      this.open = false;
      this.terminal.forget();
      this.provision.logOut();
    }
  }

  /** True once Enter was pressed on a line without noise. */
  private async wake(): Promise<boolean> {
    for (;;) {
      const typed = await this.terminal.line({ text: '', secret: true });
      if (typed.kind === 'closed') return false;
      if (typed.kind === 'line') return true;
    }
  }

  private async login(): Promise<boolean> {
    const { terminal, options } = this;
    for (let tries = 0; tries < 3; tries++) {
      let pin: Uint8Array | undefined;
      try {
        pin = options.pin();
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        terminal.print(error.message);
        return false;
      }
      if (!pin) return true;
      const wait = options.gate.wait(performance.now());
      if (wait > 0) terminal.print(`Too many wrong ones: wait ${Math.ceil(wait / 1000)} s.`);
      await pause(wait);
      terminal.flush(); // what was typed ahead was no answer to this
      const typed = await terminal.line({ text: 'PIN: ', secret: true }, PIN_MS);
      const given = typed.kind === 'line' ? typed.text : '';
      const right = given !== '' && options.gate.attempt(given, pin, performance.now());
      wipe(pin);
      if (right) return true;
      if (typed.kind !== 'line' && typed.kind !== 'spoiled') return false;
      if (given !== '') terminal.print('That is not it.');
    }
    return false;
  }

  private async serve(): Promise<void> {
    const { terminal, options } = this;
    terminal.reset();
    terminal.print(`kith ${VERSION} on ${options.name()}. \`help\` lists the commands.`);
    if (isFresh(this.shell)) await this.offerSetup();
    for (let wrong = 0; wrong < WRONG_MAX && !this.closed; ) {
      const typed = await terminal.line(
        { text: `${options.name()}> `, history: true },
        this.patience(),
        (before) => this.complete(before),
      );
      if (typed.kind === 'timeout') return terminal.print('\nNobody there: left.');
      if (typed.kind === 'end-of-input' || typed.kind === 'closed') return;
      if (typed.kind === 'spoiled') this.complain(typed.reason);
      if (typed.kind !== 'line') continue;
      this.spoiled = 0;
      const line = typed.text.trim();
      if (['exit', 'quit', 'logout'].includes(line)) return;
      const good = await this.take(line);
      wrong = good ? 0 : wrong + 1;
    }
  }

  /** False where it was no command. */
  private async take(line: string): Promise<boolean> {
    if (line === '') return true;
    const [word = '', ...rest] = line.split(/ +/);
    if (word === 'setup' && rest.length === 0) await setUp(this.shell);
    else if (word === 'terminal') await this.tellTerminal(rest.join(' '));
    else return perform(line, this.shell);
    return true;
  }

  private async offerSetup(): Promise<void> {
    const { terminal } = this;
    terminal.print('This node belongs to no mesh yet.');
    const typed = await terminal.line({ text: 'Set it up now, yes or no? [yes] ' }, PIN_MS);
    if (typed.kind !== 'line') return;
    const text = typed.text.trim();
    if (['', 'y', 'yes'].includes(text)) await setUp(this.shell);
    else terminal.print('`setup` does it later.');
  }

  private async tellTerminal(text: string): Promise<void> {
    const { terminal } = this;
    const [, columns = 0, rows = 0] = (/^(\d{2,3})x(\d{1,3})$/.exec(text) ?? []).map(Number);
    if (text === 'dumb') {
      terminal.reset();
      terminal.capable = false;
    } else if (text === 'color') {
      terminal.capable = true;
      terminal.color = true;
    } else if (columns >= 40 && rows >= 10) {
      terminal.resize({ columns, rows });
    } else if (text === 'auto') {
      const size = await terminal.measure();
      terminal.capable = size !== undefined;
      terminal.resize(size ?? DUMB_SIZE);
    } else if (text !== '') {
      return terminal.print(`terminal: ${BUILTINS.terminal}`);
    }
    const { columns: width, rows: height } = terminal.size;
    const more = terminal.color ? ', in color' : terminal.capable ? '' : ', dumb';
    terminal.print(`${width}x${height}${more}`);
  }

  /** Said once, however much noise there is. */
  private complain(reason: 'junk' | 'long'): void {
    if (this.spoiled++ > 0) return;
    this.terminal.print(reason === 'junk' ? SPOILED : 'That line was too long, and was dropped.');
  }

  private patience(): number | undefined {
    try {
      const pin = this.options.pin();
      wipe(pin);
      return pin ? this.options.idleMs : undefined;
    } catch (error) {
      if (error instanceof Failure) return this.options.idleMs;
      throw error;
    }
  }

  private complete(before: string): Completion {
    const { store, mesh } = this.options.context(() => {});
    const { commands } = this.options;
    try {
      const names = (mesh.members() ?? []).map(({ name }) => name);
      const builtins = Object.keys(BUILTINS);
      return complete(before, { commands, builtins, config: store.read(), names });
    } catch (error) {
      if (error instanceof Failure) return { typed: '', offers: [] }; // a damaged file
      throw error;
    }
  }

  private enterMachine(): (bytes: Uint8Array) => void {
    let machine = this.newMachine();
    const entry = new EntryWatch();
    return (bytes) => {
      const end = entry.endIn(bytes);
      if (end >= 0) {
        this.provision.logOut();
        machine = this.newMachine();
      }
      if (machine.read(bytes.subarray(Math.max(0, end)))) this.watchMachine();
    };
  }

  private newMachine(): MachineMode {
    const { options, provision } = this;
    this.watchMachine();
    return new MachineMode({
      hello: { kith: VERSION, name: options.name(), login: !this.open && provision.wantsPin() },
      run: (request) => provision.run(request),
      write: options.write,
    });
  }

  private watchMachine(): void {
    clearTimeout(this.machineTimer);
    this.machineTimer = setTimeout(() => this.leaveMachine(), MACHINE_IDLE_MS);
  }

  private leaveMachine(): void {
    clearTimeout(this.machineTimer);
    this.provision.logOut();
    this.terminal.resume();
  }
}
