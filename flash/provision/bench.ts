// One serial port on a workbench: wait for a router, set it up, say how it went, wait for the next.

import { setTimeout as pause } from 'node:timers/promises';
import { Failure, failureLines } from '../../agent/commands/failure.js';
import { SerialLine } from '../../agent/control/console/serial.js';
import type { Setup } from '../../board/setupfile.js';
import type { Invites } from './invites.js';
import { RouterLine, Silence } from './line.js';
import { look, type Provisioned, provisionRouter, Taken } from './router.js';

export type BenchOptions = Readonly<{
  port: string;
  baudRate: number;
  settings: Partial<Setup>;
  invites: Invites;
  loginPin: string | undefined;
  patienceMs: number;
  waitMs: number; // for a router that answers
  /** For people: what goes on. */
  tell(line: string): void;
  stop: AbortSignal;
}>;

export type Outcome = Readonly<
  | ({ port: string; ok: true; seconds: number } & Provisioned)
  | { port: string; ok: false; error: string; taken: boolean }
>;

const CALL_MS = 3_000; // one round of calling for a router

/** Yields one outcome per router, and ends when nobody is left to be invited. */
export class Bench {
  private line: RouterLine | undefined;
  private readonly serial: SerialLine;
  private readonly seen = new Set<string>(); // keys of routers that were dealt with
  private readonly named = new Set<string>(); // what those are called that want no more calls

  constructor(private readonly options: BenchOptions) {
    const { port: path, baudRate, tell, stop } = options;
    this.serial = new SerialLine({
      path,
      baudRate,
      onOpen: () => {
        this.line = new RouterLine((bytes) => this.serial.write(bytes), stop);
      },
      onBytes: (bytes) => this.line?.feed(bytes),
      onClosed: () => {
        this.line?.cut();
        this.line = undefined;
      },
      log: (level, line) => (level === 'error' ? tell(line) : undefined),
    });
  }

  async *outcomes(): AsyncGenerator<Outcome> {
    const { invites, stop, waitMs, port } = this.options;
    this.serial.start();
    try {
      let since = performance.now();
      while (!stop.aborted && invites.left > 0) {
        const outcome = await this.round();
        if (outcome) {
          yield outcome;
          since = performance.now();
        } else if (performance.now() - since > waitMs) {
          const error = `no router answers on ${port}: is it on, with kith, is the cable right?`;
          return yield { port, ok: false, error, taken: false };
        }
      }
    } finally {
      await this.serial.stop();
    }
  }

  /** Undefined: nobody new is there. */
  private async round(): Promise<Outcome | undefined> {
    const { port, invites, loginPin, tell, stop } = this.options;
    const { line } = this;
    if (!line) {
      await pause(CALL_MS / 10, undefined, { signal: stop }).catch(() => {});
      return undefined;
    }
    let word: string | undefined;
    try {
      const hello = await line.enter(CALL_MS);
      if (!hello) return undefined;
      if (this.named.has(hello.name)) return await this.same();
      if (hello.login && loginPin === undefined) this.named.add(hello.name); // said once
      const before = await look(line, loginPin, hello.login).catch(unlessSilent);
      if (!before) return undefined; // what answered was an echo of calls before
      if (this.seen.has(before.key)) return await this.same();
      this.seen.add(before.key);
      const began = performance.now();
      const made = await provisionRouter(line, before, {
        ...this.options,
        tell: (what) => tell(`${port}: ${what} …`),
        invite: async () => {
          word = await invites.take();
          return word;
        },
      });
      const seconds = Math.round((performance.now() - began) / 100) / 10;
      word = undefined; // used
      this.named.add(made.name);
      return { port, ok: true, seconds, ...made };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (stop.aborted) return undefined;
      if (!this.line || word === undefined) await pause(CALL_MS / 3);
      return {
        port,
        ok: false,
        error: failureLines(error).join(' '),
        taken: error instanceof Taken,
      };
    } finally {
      if (word !== undefined) invites.giveBack(word);
    }
  }

  /** The cable is still where it was. That router leaves machine mode by itself. */
  private async same(): Promise<undefined> {
    await pause(CALL_MS, undefined, { signal: this.options.stop }).catch(() => {});
  }
}

function unlessSilent(error: unknown): undefined {
  if (!(error instanceof Silence)) throw error;
}
