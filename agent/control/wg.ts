// `kith wg NAME`, a drop-in for wireguard-go: makes the interface, serves its configuration socket,
// and ends when the interface is deleted, the socket removed, or the process told to (SIGTERM).
//
// Without -f a second process does that in the background, and this one returns when it is ready.

import { Failure } from '../commands/failure.js';
import { type Link, LinkWatch } from '../dataplane/link.js';
import { DeviceError } from '../wireguard/configuration.js';
import { isBackground, reportFailure, reportReady } from './background.js';
import type { Log, RunningTunnel, TunnelSettings } from './ports.js';
import { ConfigurationSocket, isInterfaceName, PATIENCE_MS } from './uapi.js';

const MTU = 1420; // what WireGuard fits into 1500 over IPv6
const CIPHERS = ['auto', 'noble', 'simd', 'openssl'] as const;
const OFFLOADS = { tunSegmentation: true, udpSegmentation: true, udpReceive: true };

export type WgTunnel = Omit<RunningTunnel, 'start'> &
  Readonly<{
    tunFd: number;
    /** Makes the interface, which can be configured then; its packets wait until it is ready. */
    open(): Promise<void>;
    ready(): Promise<void>;
  }>;

export type WgParts = Readonly<{ makeTunnel(settings: TunnelSettings): WgTunnel }>;

/** Runs until something ends it; resolves to the exit code. */
export async function serveInterface(name: string, parts: WgParts): Promise<number> {
  process.title = `kith wg ${name}`;
  try {
    const interfaceProcess = new InterfaceProcess(name, parts, logFor(process.env.LOG_LEVEL));
    return await interfaceProcess.run();
  } catch (error) {
    if (!isBackground() || !(error instanceof Error)) throw error;
    reportFailure(error.message);
    return 1;
  }
}

class InterfaceProcess {
  private readonly tunnel: WgTunnel;
  private readonly socket: ConfigurationSocket;
  private end: (reason: string) => void = () => {};
  private readonly ended = new Promise<string>((resolve) => {
    this.end = resolve;
  });

  constructor(
    private readonly name: string,
    parts: WgParts,
    private readonly log: Log,
  ) {
    if (!isInterfaceName(name)) throw new Failure(`"${name}" cannot name an interface`);
    this.tunnel = parts.makeTunnel({
      interfaceName: name,
      mtu: MTU,
      cipher: cipherOf(process.env.KITH_CIPHER),
      workers: 'auto',
      offloads: OFFLOADS,
      saveCeiling: () => {}, // there is no folder to keep it in: the clock has to be right
      log,
      onGone: () => this.end('the interface was deleted'),
    });
    this.socket = new ConfigurationSocket({
      interfaceName: name,
      device: this.tunnel,
      log,
      onRemoved: () => this.end('the socket was removed'),
    });
  }

  async run(): Promise<number> {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => this.end(signal));
    }
    await this.tunnel.open().catch(asFailure);
    const watch = new LinkWatch({
      tun: this.tunnel.tunFd,
      mtu: MTU,
      onChange: (link) => this.follow(link),
      onGone: () => this.end('the interface was deleted'),
    });
    try {
      if (!(await this.socket.open(PATIENCE_MS).catch(asFailure))) {
        throw new Failure(`${this.socket.path} is in use: is an interface ${this.name} elsewhere?`);
      }
      watch.start();
      reportReady();
      const serving = this.tunnel.ready().then(() => this.announce(), asFailure);
      const reason = await Promise.race([this.ended, serving.then(() => this.ended)]);
      this.log('verbose', `${this.name} ends: ${reason}`);
      return 0;
    } finally {
      watch.stop();
      await this.socket.stop();
      await this.tunnel.stop();
    }
  }

  private announce(): void {
    const { engine } = this.tunnel.counters();
    this.log('verbose', `${this.name} is ready, cipher engine ${engine.name}: ${engine.reason}`);
  }

  private follow({ up, mtu }: Link): void {
    this.log('verbose', `${this.name} is ${up ? 'up' : 'down'}, MTU ${mtu}`);
    try {
      this.tunnel.setLink(up, mtu);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      this.log('error', `${this.name} has no socket: ${error.message}`); // the port is taken
    }
  }
}

/** What the system refuses is told in one line, without a stack. */
function asFailure(error: unknown): never {
  throw new Failure(error instanceof Error ? error.message : String(error));
}

function cipherOf(setting = 'auto'): TunnelSettings['cipher'] {
  const cipher = CIPHERS.find((known) => known === setting);
  if (cipher === undefined) throw new Failure(`KITH_CIPHER: not one of ${CIPHERS.join(', ')}`);
  return cipher;
}

/** The levels of wireguard-go; `error` where nothing, or nothing known, is said. */
function logFor(level = 'error'): Log {
  const verbose = level === 'verbose' || level === 'debug';
  const silent = level === 'silent';
  return (of, line) => {
    if (!silent && (verbose || of === 'error')) process.stderr.write(`kith wg: ${line}\n`);
  };
}
