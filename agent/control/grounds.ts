// The machine around a running agent: what is changed in its system and put back, its LED, and the
// one who started the agent (systemd, procd) and wants to hear that it is well.

import type { Board, Hands } from '../../board/board.js';
import { Steps } from '../../board/board.js';
import { detect } from '../../board/detect.js';
import { look, realHands } from '../../board/hands.js';
import { FileMemory } from '../../board/memory.js';
import { planSteps } from '../../board/plan.js';
import { type Supervisor, supervisorOf } from '../../board/supervisor.js';
import type { Status } from '../commands/context.js';
import type { Config } from '../config/schema.js';
import { Client } from './client.js';
import type { Log } from './ports.js';

export type GroundsOptions = Readonly<{
  config: Config; // of this run
  socketPath: string; // the agent's own
  status: () => Status;
  log: Log;
  board?: Board; // a test has its own
  hands?: Hands;
  supervisor?: Supervisor;
}>;

const LED_MS = 5_000; // a person looks at it, and goes
const WORD_MS_MAX = 30_000;
const ANSWER_MS = 5_000;
const IFF_UP = 1; // linux/if.h

export class Grounds {
  private readonly steps: Steps;
  private supervisor: Supervisor | undefined;
  private readonly timers: NodeJS.Timeout[] = [];
  private port = 0; // that the system's firewall was told of
  private shows: 'on' | 'blink' = 'blink';
  private ill: string | undefined;
  private work: Promise<void> = Promise.resolve();

  constructor(private readonly options: GroundsOptions) {
    const { config, hands = realHands(), board = detect(look) } = options;
    // Names of interfaces hold no slash, so this is a file in that folder.
    const memory = new FileMemory(`/run/kith/steps-${config.interface.name}.json`);
    this.steps = new Steps(board, hands, memory);
  }

  /** What a run that crashed has left of itself goes. Never rejects. */
  sweep(): Promise<void> {
    return this.say(() => this.steps.sweep());
  }

  /** The interface is up, and the agent answers on its socket. Never rejects. */
  async start(): Promise<void> {
    const { config, status, supervisor } = this.options;
    const { name, listen } = status();
    const { firewall, led } = config.board;
    const device = config.interface.name;
    this.port = listen.port;
    const wishes = planSteps({ device, port: this.port, firewall, led });
    await this.say(() => this.steps.take(wishes));
    if (led !== null) this.every(LED_MS, () => this.showLed(led));
    this.supervisor = supervisor ?? (await supervisorOf(process.env));
    this.supervisor?.ready(`${name} is up`);
    const patience = this.supervisor?.patienceMs;
    if (patience === undefined) return;
    this.every(Math.min(WORD_MS_MAX, patience / 3), () => this.speakIfWell());
  }

  /** The configuration has changed: the port may be another now. Never rejects. */
  async follow(): Promise<void> {
    const { config, status } = this.options;
    const { port } = status().listen;
    if (this.port === 0 || port === this.port || !config.board.firewall) return;
    this.port = port;
    await this.say(() => this.steps.take([{ kind: 'port', device: config.interface.name, port }]));
  }

  async stop(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    this.supervisor?.stopping();
    await this.work;
    await this.say(() => this.steps.undo());
  }

  /** One after the other; a round that takes long is not overtaken by the next. */
  private every(ms: number, round: () => Promise<void>): void {
    let busy = false;
    const timer = setInterval(() => {
      if (busy) return;
      busy = true;
      this.work = round().finally(() => (busy = false));
    }, ms);
    timer.unref(); // what the agent lives on is its sockets
    this.timers.push(timer);
  }

  private async say(work: () => Promise<string[]>): Promise<void> {
    const { log } = this.options;
    try {
      for (const remark of await work()) log('info', remark);
    } catch (error) {
      log('error', error instanceof Error ? error.message : String(error));
    }
  }

  private async showLed(led: string): Promise<void> {
    const reached = this.options.status().peers.some(({ path }) => path.class !== 'none');
    const shows = reached ? 'on' : 'blink';
    if (shows === this.shows) return;
    this.shows = shows;
    await this.say(() => this.steps.take([{ kind: 'led', led, shows }]));
  }

  private async speakIfWell(): Promise<void> {
    const ill = await this.examine();
    if (ill === undefined) this.supervisor?.alive();
    else if (ill !== this.ill) this.options.log('error', `not well: ${ill}`);
    this.ill = ill;
  }

  /**
   * What is wrong with this agent; undefined: nothing. It asks itself as others would, which takes
   * its event loop, its socket and its commands; and the interface is asked of the kernel.
   */
  async examine(): Promise<string | undefined> {
    const { config, socketPath } = this.options;
    const { name } = config.interface;
    const flags = Number(look(`/sys/class/net/${name}/flags`)?.trim() ?? Number.NaN);
    if (Number.isNaN(flags)) return `there is no interface ${name}`;
    if ((flags & IFF_UP) === 0) return `the interface ${name} is down`;
    try {
      const client = await Client.open(socketPath);
      if (!client) return `nobody listens on ${socketPath}`;
      try {
        await client.ask('log', { lines: 1 }, ANSWER_MS);
        return undefined;
      } finally {
        client.close();
      }
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}
