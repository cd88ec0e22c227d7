// One WireGuard node in a namespace of a lab: kith or wireguard-go, driven by `wg` alone, so that a
// test may put either on either side.

import { generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Daemon } from './daemon.js';
import type { Lab } from './namespaces.js';

export const KITH = join(import.meta.dirname, '../../dist/kith.js');

export type Implementation = 'kith' | 'wireguard-go';

/** LAB_KITH="wireguard-go" puts another program in kith's place: is it the test that is wrong? */
const PROGRAMS: Record<Implementation, readonly string[]> = {
  kith: process.env.LAB_KITH?.split(' ') ?? [process.execPath, KITH, 'wg'],
  'wireguard-go': ['wireguard-go'],
};

export type NodeOptions = Readonly<{
  addresses: readonly string[]; // inside, with prefix length
  port?: number; // 51820
  mtu?: number; // 1420
  env?: Readonly<Record<string, string>>;
  program?: readonly string[]; // instead of what the implementation is called
}>;

export type PeerOptions = Readonly<{
  allowedIps: readonly string[];
  endpoint?: string; // address:port or [address]:port
  presharedKey?: string; // base64
  keepalive?: number;
}>;

/** An X25519 key pair as `wg` writes keys. */
export function keyPair(): { privateKey: string; publicKey: string } {
  const pair = generateKeyPairSync('x25519');
  const { x = '', d = '' } = pair.privateKey.export({ format: 'jwk' });
  const base64 = (text: string) => Buffer.from(text, 'base64url').toString('base64');
  return { privateKey: base64(d), publicKey: base64(x) };
}

export class Node {
  readonly device: string;
  readonly publicKey: string;
  readonly port: number;
  daemon: Daemon | undefined;
  private readonly privateKey: string;
  private readonly peers = new Map<string, PeerOptions>();

  private constructor(
    readonly lab: Lab,
    readonly label: string,
    readonly implementation: Implementation,
    private readonly options: NodeOptions,
  ) {
    this.device = lab.interfaceName(label.slice(0, 4));
    this.port = options.port ?? 51820;
    ({ privateKey: this.privateKey, publicKey: this.publicKey } = keyPair());
  }

  /** Starts a node in the namespace of that label and gives its device addresses. */
  static async start(
    lab: Lab,
    label: string,
    implementation: Implementation,
    options: NodeOptions,
  ): Promise<Node> {
    const node = new Node(lab, label, implementation, options);
    await node.up();
    return node;
  }

  /** Starts the program (again, after `kill`) with the configuration it had. */
  async up(): Promise<void> {
    const { addresses, mtu = 1420, env = {}, program } = this.options;
    const command = [...(program ?? PROGRAMS[this.implementation]), '-f', this.device];
    const daemon = this.lab.spawnWith(this.label, { env }, ...command);
    this.daemon = daemon;
    // its file may be one that a crash has left: what counts is that somebody answers
    const foreign = PROGRAMS[this.implementation][0] === 'wireguard-go';
    const ready = async () => {
      if (!daemon.running) throw new Error(`ended with exit code ${daemon.code}\n${daemon.log}`);
      if (foreign && !(await isListening(this.lab, this.label, this.device))) return false;
      return (await this.lab.run(this.label, 'wg', 'show', this.device)).code === 0;
    };
    await this.lab.waitFor(ready, 10_000, `answer of \`wg show\`\n${daemon.log}`);
    await this.configure();
    for (const address of addresses) await this.lab.address(this.label, this.device, address);
    await this.ip('link', 'set', 'dev', this.device, 'mtu', `${mtu}`, 'up');
  }

  /** Adds or changes a peer. */
  async peer(other: Readonly<{ publicKey: string }>, options: PeerOptions): Promise<void> {
    this.expect(other, options);
    await this.configure();
  }

  /** The same at the next `configure`, for many at once. */
  expect(other: Readonly<{ publicKey: string }>, options: PeerOptions): void {
    this.peers.set(other.publicKey, { ...this.peers.get(other.publicKey), ...options });
  }

  async configure(): Promise<void> {
    const lines = ['[Interface]', `PrivateKey = ${this.privateKey}`, `ListenPort = ${this.port}`];
    for (const [publicKey, peer] of this.peers) {
      lines.push(
        '[Peer]',
        `PublicKey = ${publicKey}`,
        `AllowedIPs = ${peer.allowedIps.join(', ')}`,
      );
      if (peer.endpoint !== undefined) lines.push(`Endpoint = ${peer.endpoint}`);
      if (peer.presharedKey !== undefined) lines.push(`PresharedKey = ${peer.presharedKey}`);
      if (peer.keepalive !== undefined) lines.push(`PersistentKeepalive = ${peer.keepalive}`);
    }
    const file = join(this.lab.folder, `${this.device}.conf`);
    writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
    await this.lab.must(this.label, 'wg', 'syncconf', this.device, file);
  }

  /** `wg show DEVICE FIELD` of one peer, the columns behind its key. */
  async show(field: string, other: Readonly<{ publicKey: string }>): Promise<string[]> {
    const text = await this.lab.must(this.label, 'wg', 'show', this.device, field);
    const line = text.split('\n').find((each) => each.startsWith(other.publicKey)) ?? '';
    return line.split('\t').slice(1);
  }

  /** Unix time of the last handshake with a peer, 0 for never. */
  async lastHandshake(other: Readonly<{ publicKey: string }>): Promise<number> {
    return Number((await this.show('latest-handshakes', other))[0] ?? 0);
  }

  /** Ends it as a crash does, and removes what the crash left: the interface goes by itself. */
  async kill(): Promise<void> {
    const { daemon } = this;
    if (!daemon) return;
    daemon.kill();
    await daemon.exited;
    // wireguard-go does not start over a socket that is left; kith must, so for it it stays
    if (PROGRAMS[this.implementation][0] === 'wireguard-go') {
      rmSync(`/var/run/wireguard/${this.device}.sock`, { force: true });
    }
  }

  ip(...args: string[]): Promise<string> {
    return this.lab.must(this.label, 'ip', ...args);
  }

  /** Pings once a try until one is answered; throws after `ms`. */
  async reaches(address: string, ms = 8_000): Promise<void> {
    const ping = async () => {
      const ran = await this.lab.run(this.label, 'ping', '-n', '-c1', '-W1', address);
      return ran.code === 0;
    };
    const log = () => `answer from ${address}`;
    await this.lab.waitFor(ping, ms, log()).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.daemon?.log.slice(-3_000)}`);
    });
  }
}

/**
 * Whether a wireguard-go in that namespace listens yet. Asking it too early would do harm: `wg`
 * deletes a socket that refuses it, and wireguard-go binds its own before it listens, and then ends
 * because its file is gone.
 */
export async function isListening(
  lab: Lab,
  label: string | null,
  device: string,
): Promise<boolean> {
  const sockets = await lab.must(label, 'cat', '/proc/net/unix');
  const path = ` /var/run/wireguard/${device}.sock`;
  return sockets.split('\n').some((line) => line.endsWith(path) && line.includes(' 00010000 '));
}
