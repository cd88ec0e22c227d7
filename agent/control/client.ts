// Asking the running agent over its control socket.

import { connect, type Socket } from 'node:net';
import { Failure, systemCode, UsageFailure } from '../commands/failure.js';
import type { Problem } from '../config/validate.js';

export type Reply = Readonly<{ result: unknown; notes: readonly string[] }>;

const ANSWER_MS = 60_000; // a large configuration takes the agent a while

const ENDED = 'the agent ended';

/** A connection to the agent. Requests are answered one after the other. */
export class Client {
  private rest = '';
  private next = 1;
  private ended = false;
  private waiting: { resolve(line: string): void; reject(error: Error): void } | undefined;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.rest += text;
      const end = this.rest.indexOf('\n');
      if (end < 0) return;
      const line = this.rest.slice(0, end);
      this.rest = this.rest.slice(end + 1);
      this.waiting?.resolve(line);
    });
    const ended = () => {
      this.ended = true;
      this.waiting?.reject(new Failure(ENDED));
    };
    socket.on('timeout', () => this.waiting?.reject(new Failure('the agent does not answer')));
    socket.on('error', ended);
    socket.on('close', ended);
  }

  /** Undefined where no agent runs on this socket. Throws Failure where asking is not allowed. */
  static open(path: string): Promise<Client | undefined> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      const failed = (error: unknown) => {
        const code = systemCode(error) ?? 'error';
        if (['ENOENT', 'ECONNREFUSED', 'ENOTDIR', 'EINVAL'].includes(code)) resolve(undefined);
        else if (code === 'EACCES' || code === 'EPERM')
          reject(new Failure(`not allowed to use ${path}: are you root? Try it with sudo`));
        else reject(new Failure(`cannot reach the agent at ${path}: ${code}`));
      };
      socket.once('error', failed);
      socket.once('connect', () => {
        socket.off('error', failed);
        resolve(new Client(socket));
      });
    });
  }

  /** Throws Failure as the agent says it. */
  async ask(command: string, given: unknown, patience = ANSWER_MS): Promise<Reply> {
    if (this.ended) throw new Failure(ENDED);
    const id = this.next++;
    const line = await new Promise<string>((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.socket.setTimeout(patience);
      this.socket.write(`${JSON.stringify({ id, command, arguments: given })}\n`);
    });
    this.waiting = undefined;
    return readReply(line);
  }

  close(): void {
    this.socket.destroy();
  }
}

type Wire = Readonly<{
  ok: boolean;
  result?: unknown;
  notes?: readonly string[];
  error?: string;
  usage?: boolean;
  problems?: readonly Problem[];
}>;

function readReply(line: string): Reply {
  const { ok, result, notes, error, usage, problems } = JSON.parse(line) as Wire; // our own agent
  if (ok) return { result, notes: notes ?? [] };
  throw new (usage ? UsageFailure : Failure)(error ?? 'failed', problems ?? []);
}
