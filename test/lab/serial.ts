// A serial cable (two pseudo terminals that socat holds together), and a terminal program at its
// far end, in a window of 80x24 that tmux shows us.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Daemon } from './daemon.js';
import type { Lab } from './namespaces.js';

const PATIENCE_MS = 30_000;
const KEY_MS = 100; // somebody who types well

export class Cable {
  readonly near: string;
  readonly far: string;
  private holder: Daemon | undefined;

  constructor(
    private readonly lab: Lab,
    name: string,
  ) {
    this.near = join(lab.folder, `${name}-near`);
    this.far = join(lab.folder, `${name}-far`);
  }

  async plug(): Promise<void> {
    const ends = [this.near, this.far].map((link) => `pty,raw,echo=0,link=${link}`);
    this.holder = this.lab.spawn(null, 'socat', ...ends);
    const there = () => existsSync(this.near) && existsSync(this.far);
    await this.lab.waitFor(there, PATIENCE_MS, 'socat makes two pseudo terminals');
  }

  /** Both ends vanish, as an adapter does. */
  async unplug(): Promise<void> {
    await this.holder?.stop();
  }
}

let windows = 0;

export class Window {
  private constructor(
    private readonly lab: Lab,
    private readonly socket: string,
    private readonly server: Daemon,
  ) {}

  static async open(lab: Lab, ...command: string[]): Promise<Window> {
    const socket = join(lab.folder, `tmux${windows++}`);
    const server = lab.spawn(null, 'tmux', '-u', '-S', socket, '-D');
    await lab.waitFor(() => existsSync(socket), PATIENCE_MS, 'tmux listens');
    const window = new Window(lab, socket, server);
    await window.tmux('new-session', '-d', '-x', '80', '-y', '24', command.join(' '));
    return window;
  }

  async close(): Promise<void> {
    await this.server.stop();
  }

  /** Names of keys as tmux has them, or text. */
  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.tmux('send-keys', key);
  }

  async type(line: string): Promise<void> {
    await this.tmux('send-keys', '-l', line);
    await this.press('Enter');
  }

  /** The same as a person does it, key by key. How many keys that were. */
  async typeByHand(line: string): Promise<number> {
    for (const letter of line) {
      await this.tmux('send-keys', '-l', letter);
      await new Promise((resolve) => setTimeout(resolve, KEY_MS));
    }
    await this.press('Enter');
    return line.length + 1;
  }

  /** What is seen now. */
  async screen(): Promise<string> {
    return (await this.tmux('capture-pane', '-p')).trimEnd();
  }

  /** Waits until this is seen; the screen. */
  async until(what: RegExp): Promise<string> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const screen = await this.screen();
      if (what.test(screen)) return screen;
      if (Date.now() > end) throw new Error(`no ${what} on\n${screen}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Presses Enter until the console answers so: right after it went to sleep it is deaf. */
  async wake(answer: RegExp): Promise<string> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      await this.press('Enter');
      await new Promise((resolve) => setTimeout(resolve, 500));
      const screen = await this.screen();
      if (answer.test(screen)) return screen;
      if (Date.now() > end) throw new Error(`the console does not answer ${answer}:\n${screen}`);
    }
  }

  private tmux(...args: string[]): Promise<string> {
    return this.lab.must(null, 'tmux', '-u', '-S', this.socket, ...args);
  }
}
