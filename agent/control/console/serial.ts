// A serial port that is there, or comes back: opened again and again until it is, and again after
// it vanished. What is written while nobody takes it away is dropped beyond a bound.

import { existsSync, realpathSync, statSync } from 'node:fs';
import type { SerialPort } from 'serialport';
import type { Log } from '../ports.js';

export type SerialOptions = Readonly<{
  path: string;
  baudRate: number;
  onOpen(): void;
  onBytes(bytes: Uint8Array): void;
  onClosed(): void;
  log: Log;
}>;

const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 3_000; // a cable that was put back works before one wonders
const PENDING_MAX = 256 * 1024; // bytes: half a minute at 115200

export class SerialLine {
  private port: SerialPort | undefined;
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private stopped = false;
  private said = '';
  dropped = 0;

  constructor(private readonly options: SerialOptions) {}

  start(): void {
    this.attempt().catch((error: Error) => this.failed(error)); // a package that is not there
  }

  /** Resolves when the port is closed. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    const { port } = this;
    if (!port?.isOpen) return;
    await new Promise<void>((resolve) => {
      port.once('close', () => resolve());
      port.close(() => resolve());
    });
  }

  get pending(): number {
    return this.port?.isOpen ? this.port.writableLength : 0;
  }

  write(bytes: Uint8Array): void {
    const { port } = this;
    if (!port?.isOpen) return;
    if (port.writableLength + bytes.length > PENDING_MAX) this.dropped += bytes.length;
    else port.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  private async attempt(): Promise<void> {
    const { path, baudRate } = this.options;
    const { SerialPort } = await import('serialport');
    if (this.stopped) return;
    if (existsSync(path) && !isTerminal(path)) return this.failed(new Error('no serial port'));
    const port = new SerialPort({ path, baudRate, autoOpen: false });
    port.on('error', (error) => this.failed(error));
    port.on('data', (bytes: Buffer) => this.options.onBytes(bytes));
    port.on('close', () => this.vanished());
    port.open((error) => {
      if (error) return this.failed(error);
      if (this.stopped) return port.close();
      this.port = port;
      this.failures = 0;
      this.say('info', `serial console on ${path}, ${baudRate} baud`);
      this.options.onOpen();
    });
  }

  private vanished(): void {
    const { port } = this;
    this.port = undefined;
    if (!port) return;
    if (!this.stopped) this.say('error', `the serial port ${this.options.path} is gone`);
    this.options.onClosed();
    this.later();
  }

  private failed(error: Error): void {
    if (this.port?.isOpen) return; // a read or write that failed: what matters comes as `close`
    this.say('error', `serial port ${this.options.path}: ${error.message.replace(/^Error: /, '')}`);
    this.later();
  }

  private later(): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    const wait = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(this.failures++, 8));
    this.timer = setTimeout(() => this.start(), wait);
  }

  /** The same thing again is not news. */
  private say(level: 'error' | 'info', line: string): void {
    if (line !== this.said) this.options.log(level, line);
    this.said = line;
  }
}

const PSEUDO = [136, 143] as const; // majors of Unix98 pseudo terminals; they are not in /sys

/** Opening another device does things: a watchdog, once opened, reboots the machine. */
export function isTerminal(path: string): boolean {
  try {
    const status = statSync(path);
    if (!status.isCharacterDevice()) return false;
    const [major, minor] = [
      (status.rdev >> 8) & 0xfff,
      (status.rdev & 0xff) | minorHigh(status.rdev),
    ];
    if (major >= PSEUDO[0] && major <= PSEUDO[1]) return true;
    return realpathSync(`/sys/dev/char/${major}:${minor}`).includes('/tty/');
  } catch {
    return false; // gone this very moment, or not to be told from others
  }
}

/** The kernel keeps the upper 12 of 20 bits of the minor above the major (new_encode_dev). */
function minorHigh(rdev: number): number {
  return (rdev >>> 12) & 0xfff00;
}
