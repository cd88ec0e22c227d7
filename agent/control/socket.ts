// The control socket: commands from other processes of this machine, as lines of JSON.
//
//     {"id": 1, "command": "status", "arguments": {}}
//     {"id": 1, "ok": true, "result": …, "notes": []}
//     {"id": 1, "ok": false, "error": "…", "problems": [{"path": …, "problem": …}]}
//
// Who may open the socket file may do everything; so it is the owner's alone, as its folder is.

import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Context } from '../commands/context.js';
import { Failure, systemCode, UsageFailure } from '../commands/failure.js';
import { commandNamed, runCommand } from '../commands/run.js';
import type { Log } from './ports.js';

export const LINE_BYTES_MAX = 8 * 1024 * 1024; // `config set peers` with many allowed IPs
export const CONNECTIONS_MAX = 16;
const WAITING_MAX = 64; // requests of one connection that are not answered yet
const PATH_BYTES_MAX = 107; // sockaddr_un

export class ControlSocket {
  /** Lines that were no request, and connections that sent one too long. */
  garbage = 0;
  private server: Server | undefined;
  private readonly open = new Set<Socket>();

  constructor(
    private readonly path: string,
    /** A context per request; remarks go to `note`. */
    private readonly context: (note: (line: string) => void) => Context,
    private readonly log: Log,
  ) {}

  /** Takes the place of a socket that nobody serves any more: whoever calls has seen to that. */
  listen(): Promise<void> {
    if (Buffer.byteLength(this.path) > PATH_BYTES_MAX)
      throw new Failure(`${this.path} is too long for a socket: choose a shorter --state folder`);
    const server = createServer((socket) => this.accept(socket));
    server.maxConnections = CONNECTIONS_MAX;
    this.server = server;
    rmSync(this.path, { force: true });
    const before = process.umask(0o177); // no moment at which others may connect
    try {
      return new Promise((resolve, reject) => {
        server.once('error', (error) => reject(new Failure(`${this.path}: ${systemCode(error)}`)));
        server.listen(this.path, resolve);
      });
    } finally {
      process.umask(before);
    }
  }

  /** Ends connections too. The socket file goes with the server. */
  async close(): Promise<void> {
    for (const socket of this.open) socket.destroy();
    const { server } = this;
    if (server?.listening) await new Promise((resolve) => server.close(resolve));
  }

  private accept(socket: Socket): void {
    this.open.add(socket);
    const pieces: Buffer[] = [];
    let length = 0;
    let waiting = 0;
    let work = Promise.resolve(); // one after the other, in the order they came
    socket.on('close', () => this.open.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      let rest = bytes;
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        const line = Buffer.concat([...pieces.splice(0), rest.subarray(0, end)]).toString();
        length = 0;
        rest = rest.subarray(end + 1);
        if (waiting >= WAITING_MAX || line.length > LINE_BYTES_MAX) {
          this.refuse(socket, 'too much at once');
          return;
        }
        waiting++;
        work = work.then(() => this.answer(socket, line)).finally(() => waiting--);
      }
      length += rest.length;
      if (length > LINE_BYTES_MAX)
        this.refuse(socket, `a line longer than ${LINE_BYTES_MAX} bytes`);
      else if (rest.length > 0) pieces.push(rest);
    });
  }

  private refuse(socket: Socket, error: string): void {
    this.garbage++;
    socket.pause();
    socket.end(`${JSON.stringify({ id: null, ok: false, error, problems: [] })}\n`);
  }

  private async answer(socket: Socket, line: string): Promise<void> {
    if (line.trim() === '') return;
    const request = readRequest(line);
    if (!request) this.garbage++;
    const reply = request
      ? await this.perform(request)
      : { id: null, ok: false, error: 'no request: {"id", "command", "arguments"}', problems: [] };
    if (socket.writable) socket.write(`${JSON.stringify(reply)}\n`);
  }

  private async perform({ id, command, given }: Request): Promise<Record<string, unknown>> {
    const notes: string[] = [];
    try {
      const found = commandNamed(command);
      if (found.place !== 'agent' && found.place !== 'either')
        throw new UsageFailure(`"${command}" runs from the command line only`);
      const result = await runCommand(
        found,
        given,
        this.context((note) => notes.push(note)),
      );
      return { id, ok: true, result: result ?? null, notes };
    } catch (error) {
      if (error instanceof Failure) {
        const usage = error instanceof UsageFailure;
        return { id, ok: false, error: error.message, usage, problems: error.problems, notes };
      }
      // Our own mistake: said here, and the agent goes on serving packets.
      this.log('error', `${command}: ${error instanceof Error ? error.stack : String(error)}`);
      return { id, ok: false, error: `${command} failed: see the log of the agent`, problems: [] };
    }
  }
}

type Request = Readonly<{ id: string | number | null; command: string; given: unknown }>;

function readRequest(line: string): Request | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('command' in value)) return undefined;
    const { command } = value;
    const id = 'id' in value ? value.id : null;
    const given = 'arguments' in value ? value.arguments : {};
    if (typeof command !== 'string' || command.length > 64) return undefined;
    const named = typeof id === 'number' || (typeof id === 'string' && id.length <= 64);
    return { id: named ? id : null, command, given };
  } catch {
    return undefined;
  }
}
