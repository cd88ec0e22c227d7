// What started the agent and wants to hear that it is well: systemd (sd_notify(3)) by datagrams on
// a UNIX socket, for which Node has no call, or procd by its `ubus`.

import { type RunProgram, runProgram } from './program.js';

export interface Supervisor {
  /** It should hear `alive` at least this often, in milliseconds; undefined: it does not care. */
  readonly patienceMs: number | undefined;
  /** The agent is up. */
  ready(status: string): void;
  alive(): void;
  stopping(): void;
}

const PROCD_SECONDS = 180; // a start on a slow router, beside all others, takes up to a minute

/** Undefined where nobody listens. Takes what it uses out of `env`: children are not the agent. */
export async function supervisorOf(
  env: Record<string, string | undefined>,
  run: RunProgram = runProgram,
): Promise<Supervisor | undefined> {
  const { NOTIFY_SOCKET: path, WATCHDOG_USEC: microseconds, KITH_PROCD: procd } = env;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'KITH_PROCD'])
    delete env[name];
  if (path) {
    const { sendDatagram } = await import('./unixdatagram.js');
    const send = (text: string) => void sendDatagram(path, text);
    return {
      patienceMs: /^\d{1,12}$/.test(microseconds ?? '') ? Number(microseconds) / 1000 : undefined,
      ready: (status) => send(`READY=1\nSTATUS=${status.replaceAll('\n', ' ')}`),
      alive: () => send('WATCHDOG=1'),
      stopping: () => send('STOPPING=1'),
    };
  }
  const [, name, instance] = /^([\w-]{1,64})\/([\w-]{1,64})$/.exec(procd ?? '') ?? [];
  if (name === undefined || instance === undefined) return undefined;
  const tell = (mode: number) => {
    const message = JSON.stringify({ name, instance, mode, timeout: PROCD_SECONDS });
    void run(['ubus', '-t', '5', 'call', 'service', 'watchdog', message]);
  };
  return {
    patienceMs: PROCD_SECONDS * 1000,
    ready: () => tell(2), // active: without a word within the timeout, it is started anew
    alive: () => tell(2),
    stopping: () => tell(0),
  };
}
