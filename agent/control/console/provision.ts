// What requests of machine mode do: log in, leave, and the commands of the registry.

import type { Command } from '../../commands/command.js';
import type { Context } from '../../commands/context.js';
import { Failure } from '../../commands/failure.js';
import { runCommand } from '../../commands/run.js';
import { wipe } from '../../crypto/secret.js';
import type { Log } from '../ports.js';
import type { PinGate } from './gate.js';
import type { Answer, Request } from './machine.js';

export type ProvisionOptions = Readonly<{
  commands: readonly Command[];
  context(note: (line: string) => void): Context;
  pin(): Uint8Array | undefined;
  gate: PinGate;
  /** Somebody logged in on the very same line. */
  isOpen(): boolean;
  leave(): void;
  log: Log;
}>;

const NOTES_MAX = 32;

export class Provision {
  private loggedIn = false;

  constructor(private readonly options: ProvisionOptions) {}

  logOut(): void {
    this.loggedIn = false;
  }

  /** A PIN that cannot be read is wanted all the more. */
  wantsPin(): boolean {
    try {
      const pin = this.options.pin();
      wipe(pin);
      return pin !== undefined;
    } catch (error) {
      if (error instanceof Failure) return true;
      throw error;
    }
  }

  /** Never rejects. */
  async run({ command: name, given }: Request): Promise<Answer> {
    try {
      if (name === 'leave') {
        setImmediate(() => this.options.leave()); // the answer goes first
        return { result: null };
      }
      if (name === 'login') return this.logIn(given.pin);
      if (!this.mayRun()) return { error: 'a PIN is wanted first: login {"pin": …}' };
      const command = this.options.commands.find((one) => one.name === name);
      if (!command) return { error: 'there is no such command' };
      const notes: string[] = [];
      const note = (line: string) => void (notes.length < NOTES_MAX && notes.push(line));
      const result = await runCommand(command, given, this.options.context(note));
      return { result, ...(notes.length > 0 ? { notes } : {}) };
    } catch (error) {
      if (error instanceof Failure) return { error: error.message, problems: error.problems };
      this.options.log('error', `console: ${error instanceof Error ? error.stack : String(error)}`);
      return { error: 'something went wrong in the agent; its log has it' };
    }
  }

  private logIn(given: unknown): Answer {
    const pin = this.options.pin();
    if (!pin) return { result: null };
    const { gate } = this.options;
    const wait = gate.wait(performance.now());
    if (wait > 0) return { error: `too many wrong ones: wait ${Math.ceil(wait / 1000)} s` };
    this.loggedIn = typeof given === 'string' && gate.attempt(given, pin, performance.now());
    wipe(pin);
    return this.loggedIn ? { result: null } : { error: 'that is not the PIN' };
  }

  private mayRun(): boolean {
    return this.loggedIn || this.options.isOpen() || !this.wantsPin();
  }
}
