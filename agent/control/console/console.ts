// The console on a serial port, as the configuration wants it: one session for as long as the port
// is there; after a cable was pulled and put back, a new one, and the PIN is asked for again.

import type { Command } from '../../commands/command.js';
import type { Context } from '../../commands/context.js';
import type { Config } from '../../config/schema.js';
import type { Log } from '../ports.js';
import { PinGate } from './gate.js';
import { consoleCommands } from './perform.js';
import { SerialLine } from './serial.js';
import { Session } from './session.js';

export type ConsoleOptions = Readonly<{
  config: Config; // of this run
  commands: readonly Command[];
  context(note: (line: string) => void): Context;
  /** A file of the state folder, for the taker to wipe. Throws Failure. */
  readSecret(file: string): Uint8Array;
  log: Log;
}>;

const IDLE_MS = 15 * 60_000;
const SWITCH_MS = 250; // the answer to what changes the port goes to the old one first

/** In this order: start, changed …, stop. */
export class SerialConsole {
  private config: Config;
  private line: SerialLine | undefined;
  private session: Session | undefined;
  private timer: NodeJS.Timeout | undefined;
  private switching: Promise<void> = Promise.resolve();
  private readonly gate = new PinGate();

  constructor(private readonly options: ConsoleOptions) {
    this.config = options.config;
  }

  start(): void {
    this.open();
  }

  changed(config: Config): void {
    const before = this.config.serial;
    this.config = config;
    const { port, baudRate } = config.serial;
    if (port === before.port && baudRate === before.baudRate) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.switching = this.switching.then(() => this.close()).then(() => this.open());
    }, SWITCH_MS);
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    await this.switching;
    await this.close();
  }

  private open(): void {
    const { port, baudRate } = this.config.serial;
    if (port === null) return;
    const line = new SerialLine({
      path: port,
      baudRate,
      onOpen: () => this.begin(line),
      onBytes: (bytes) => this.session?.feed(bytes),
      onClosed: () => this.end(),
      log: this.options.log,
    });
    this.line = line;
    line.start();
  }

  private begin(line: SerialLine): void {
    const { commands, context, log } = this.options;
    this.session = new Session({
      write: (bytes) => line.write(bytes),
      pending: () => line.pending,
      name: () => this.config.name,
      pin: () => this.pin(),
      gate: this.gate,
      idleMs: IDLE_MS,
      commands: consoleCommands(commands),
      context,
      log,
    });
    this.session.start();
  }

  private end(): void {
    this.session?.close();
    this.session = undefined;
  }

  private async close(): Promise<void> {
    this.end();
    await this.line?.stop();
    this.line = undefined;
  }

  private pin(): Uint8Array | undefined {
    const { pinFile } = this.config.serial;
    if (pinFile === null) return undefined;
    const bytes = this.options.readSecret(pinFile);
    const end = bytes.findIndex((byte) => byte === 10 || byte === 13); // an editor's line end
    return end < 0 ? bytes : bytes.subarray(0, end);
  }
}
