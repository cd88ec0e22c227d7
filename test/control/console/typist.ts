// Somebody at a console: a session on a real state folder, typed to and read from in memory.

import { setTimeout as pause } from 'node:timers/promises';
import type { Context, PeerStatus } from '../../../agent/commands/context.js';
import { COMMANDS } from '../../../agent/commands/registry.js';
import type { Config } from '../../../agent/config/schema.js';
import { PinGate } from '../../../agent/control/console/gate.js';
import { consoleCommands } from '../../../agent/control/console/perform.js';
import { Session } from '../../../agent/control/console/session.js';
import { Folder } from '../../../agent/control/folder.js';
import { Membership } from '../../../agent/control/membership.js';
import { FileStore } from '../../../agent/control/store.js';
import { status } from '../mqtt/node.js';
import { temporaryFolder } from '../program.js';

const PATIENCE_MS = 10_000;
export const IDLE_MS = 1_500;

const typists = new Set<Typist>();

/** Ends what a test left, however it went. */
export function leaveAll(): void {
  for (const typist of typists) typist.session.close();
  typists.clear();
}

export class Typist {
  readonly folder = new Folder(temporaryFolder());
  readonly store: FileStore;
  readonly log: string[] = [];
  /** Commands whose handlers were asked for. */
  readonly ran: string[] = [];
  /** All that was written. */
  bytes: number[] = [];
  peers: readonly PeerStatus[] = [];
  waiting = 0; // bytes on a slow line
  readonly session: Session;
  private running: Config | undefined;

  constructor(settings: Record<string, unknown> = {}) {
    const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
    this.folder.writeConfig(JSON.stringify({ version: 1, name: 'cabin', ...settings }));
    this.store = new FileStore(this.folder, random);
    const { folder, store } = this;
    const mesh = new Membership({ folder, store, random, guessEndpoints: async () => [] });
    const context = (note: (line: string) => void): Context => ({
      statePath: folder.path,
      store,
      mesh,
      agent: { status: () => ({ ...status(this.peers), mesh: null }) },
      agentRuns: true,
      guessAddress: async () => undefined,
      random,
      note,
    });
    const commands = consoleCommands(COMMANDS).map((command) => ({
      ...command,
      load: async () => {
        this.ran.push(command.name);
        const handler = await command.load?.();
        if (!handler) throw new Error(`${command.name} has no handler`);
        return handler;
      },
    }));
    this.session = new Session({
      write: (bytes) => {
        for (const byte of bytes) this.bytes.push(byte);
      },
      pending: () => this.waiting,
      name: () => this.config().name,
      pin: () => {
        const { pinFile } = this.config().serial;
        const text = pinFile && Buffer.from(folder.readSecret(pinFile)).toString().trim();
        return text ? Buffer.from(text) : undefined;
      },
      gate: new PinGate(),
      idleMs: IDLE_MS,
      commands,
      context,
      log: (_, line) => this.log.push(line),
    });
    typists.add(this);
    this.session.start();
  }

  /** As the agent runs, whatever became of the file. */
  private config(): Config {
    try {
      this.running = this.store.read();
    } catch (error) {
      if (!this.running) throw error;
    }
    return this.running;
  }

  /** What was written, as text without returns. */
  get text(): string {
    return Buffer.from(this.bytes).toString().replaceAll('\r\n', '\n');
  }

  type(text: string): void {
    this.session.feed(Buffer.from(text));
  }

  /** Resolves with what was written up to this, and forgets that. */
  async until(what: string | RegExp): Promise<string> {
    for (const end = Date.now() + PATIENCE_MS; ; await pause(5)) {
      const { text } = this;
      const found = typeof what === 'string' ? what : what.exec(text)?.[0];
      const at = found === undefined ? -1 : text.indexOf(found);
      if (found !== undefined && at >= 0) {
        const end = at + found.length;
        this.bytes = [...Buffer.from(text.slice(end).replaceAll('\n', '\r\n'))];
        return text.slice(0, end);
      }
      if (Date.now() > end) throw new Error(`no ${what} in:\n${text}\nlog: ${this.log.join('\n')}`);
    }
  }

  /** Presses Enter at the sleeping console until it answers. */
  async wake(answer: string | RegExp = '> '): Promise<string> {
    await this.until('press Enter');
    await pause(300); // it is deaf for a moment
    this.type('\r');
    return this.until(answer);
  }

  /** Types a line and gives what came until the next prompt. */
  async run(line: string): Promise<string> {
    this.type(`${line}\r`);
    const text = await this.until(/\n[a-z0-9-]+> $/);
    return text.replace(/^.*\n/, '').replace(/\n.*$/, '');
  }
}
