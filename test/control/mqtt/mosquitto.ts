// A real mosquitto on a loopback port of its own, in a folder of its own.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { temporaryFolder } from '../program.js';

const running = new Set<ChildProcess>();

/** Ends what a test left, however it went. */
export function stopAll(): void {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
}

const PATIENCE_MS = 10_000;

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** Resolves once `look` gives something; rejects when it takes too long. */
export async function until<T>(look: () => T | undefined | false, what: string): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; ; await pause(20)) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`it never came to this: ${what}`);
  }
}

export class Mosquitto {
  readonly folder = temporaryFolder();
  private child: ChildProcess | undefined;
  output = '';

  private constructor(
    readonly port: number,
    private readonly settings: readonly string[],
  ) {}

  /** `settings`: lines of mosquitto.conf after the listener's. */
  static async start(
    settings: readonly string[] = ['allow_anonymous true'],
    prepare?: (folder: string) => void,
  ): Promise<Mosquitto> {
    const broker = new Mosquitto(await freePort(), settings);
    prepare?.(broker.folder);
    await broker.run();
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  async run(): Promise<void> {
    const lines = ['user root', `listener ${this.port} 127.0.0.1`, ...this.settings];
    writeFileSync(
      this.file('mosquitto.conf'),
      `${lines.join('\n')}\n`.replaceAll('FOLDER', this.folder),
    );
    const child = spawn('mosquitto', ['-c', this.file('mosquitto.conf'), '-v'], { stdio: 'pipe' });
    this.child = child;
    running.add(child);
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => (this.output = `${this.output}${text}`.slice(-20_000)));
    for (const end = Date.now() + PATIENCE_MS; !(await answers(this.port)); await pause(20))
      if (Date.now() > end || child.exitCode !== null) throw new Error(`mosquitto: ${this.output}`);
  }

  /** SIGKILL: it forgets what it was not made to persist. */
  async stop(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null) return;
    await new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill('SIGKILL');
    });
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.run();
  }

  /** mosquitto_pub; throws where it fails. */
  publish(topic: string, payload: string | Uint8Array, ...more: string[]): void {
    const source = payload.length === 0 ? '-n' : '-s';
    const args = ['-h', '127.0.0.1', '-p', String(this.port), '-t', topic, source, ...more];
    const ran = spawnSync('mosquitto_pub', args, { input: payload, timeout: PATIENCE_MS });
    if (ran.status !== 0) throw new Error(`mosquitto_pub: ${ran.stderr}`);
  }

  /** mosquitto_sub on these topics, from now on. */
  async listen(topics: readonly string[], ...more: string[]): Promise<Listener> {
    const listener = new Listener(this.port, topics, more);
    await listener.ready();
    return listener;
  }
}

export type Heard = Readonly<{ topic: string; retained: boolean; text: string }>;

/** What mosquitto_sub hears. */
export class Listener {
  readonly heard: Heard[] = [];
  private readonly child: ChildProcess;
  private rest = '';
  private subscribed = false;

  constructor(port: number, topics: readonly string[], more: readonly string[]) {
    const args = ['-h', '127.0.0.1', '-p', String(port), '-d', '-F', '=%r %t\t%p', ...more];
    for (const topic of topics) args.push('-t', topic);
    this.child = spawn('stdbuf', ['-oL', 'mosquitto_sub', ...args], { stdio: 'pipe' });
    running.add(this.child);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.read(text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.read(text));
  }

  async ready(): Promise<void> {
    await until(() => this.subscribed, 'mosquitto_sub has subscribed');
  }

  on(topic: string): Heard[] {
    return this.heard.filter((one) => one.topic === topic);
  }

  last(topic: string): string | undefined {
    return this.on(topic).at(-1)?.text;
  }

  /** The next answers on a topic, as objects. */
  objects(topic: string): Record<string, unknown>[] {
    return this.on(topic).map(({ text }) => JSON.parse(text) as Record<string, unknown>);
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }

  private read(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      if (/received SUBACK/.test(line) || /^Subscribed/.test(line)) this.subscribed = true;
      const [, retained, topic = '', said = ''] = /^=(\d) (\S+)\t(.*)$/.exec(line) ?? [];
      if (retained !== undefined)
        this.heard.push({ topic, retained: retained === '1', text: said });
    }
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
