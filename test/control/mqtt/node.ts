// A node as MQTT sees it: a real state folder and store, and a status that a test makes up.

import type { Command } from '../../../agent/commands/command.js';
import type { Context, PeerStatus, Status } from '../../../agent/commands/context.js';
import { labelOf } from '../../../agent/commands/label.js';
import { COMMANDS } from '../../../agent/commands/registry.js';
import { runCommand } from '../../../agent/commands/run.js';
import type { Config } from '../../../agent/config/schema.js';
import { ConfigChanges } from '../../../agent/control/changes.js';
import { Folder } from '../../../agent/control/folder.js';
import { Mqtt, type MqttOptions } from '../../../agent/control/mqtt/mqtt.js';
import { FileStore } from '../../../agent/control/store.js';
import { KEY_A } from '../../config/samples.js';
import { temporaryFolder } from '../program.js';

export const NODE = labelOf(KEY_A);
export const ROOT = `kith/${NODE}`;

export function status(peers: readonly PeerStatus[] = []): Status {
  const parts = {
    name: 'cabin',
    publicKey: KEY_A,
    interface: 'kith0',
    addresses: ['10.7.0.1/24'],
    listen: { port: 51820 },
    cipher: { engine: 'simd', reason: 'the fastest', checked: 1, alarms: 0 },
    uptime: 7,
    memory: { rss: 1000 },
    writes: { files: 1, bytes: 10 },
    mqtt: null,
    peers,
    drops: { 'no-session': 2, other: 3 },
    version: '0.1.0',
    pid: 1,
  };
  return parts as unknown as Status;
}

export function peer(parts: Partial<PeerStatus> & { name: string; publicKey: string }): PeerStatus {
  return {
    addresses: ['10.7.0.2/32'],
    endpoint: '192.0.2.7:51820',
    path: { class: 'direct', via: null, rttMs: 12, mtu: 1420, reason: null },
    lastHandshake: 1_700_000_000,
    rxBytes: 10,
    txBytes: 20,
    ...parts,
  };
}

const nodes = new Set<TestNode>();

/** Ends what a test left, however it went. */
export async function stopNodes(): Promise<void> {
  await Promise.all([...nodes].map((node) => node.stop()));
}

export class TestNode {
  readonly folder = new Folder(temporaryFolder());
  readonly log: string[] = [];
  status: Status = status();
  readonly store: FileStore;
  readonly changes: ConfigChanges;
  mqtt: Mqtt | undefined;

  constructor(settings: Record<string, unknown>, more: Record<string, unknown> = {}) {
    const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
    this.folder.writeConfig(JSON.stringify({ version: 1, name: 'cabin', mqtt: settings, ...more }));
    this.store = new FileStore(this.folder, random, {
      apply: async (after: Config) => {
        this.mqtt?.changed(after);
        return [];
      },
    });
    this.changes = new ConfigChanges(this.store, this.folder, (_, line) => this.log.push(line));
  }

  start(options: Partial<MqttOptions> = {}): Mqtt {
    const agent = { status: () => this.status };
    const context = (note: (line: string) => void) =>
      ({
        statePath: this.folder.path,
        store: this.store,
        mesh: { guestPlace: (place: unknown) => place }, // it is in none
        agent,
        agentRuns: true,
        changes: this.changes,
        guessAddress: async () => '192.0.2.1',
        random: (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)),
        note,
      }) as unknown as Context;
    const mqtt = new Mqtt({
      publicKey: KEY_A,
      config: this.store.read(),
      status: () => this.status,
      changes: this.changes,
      commands: COMMANDS,
      context,
      run: (command: Command, given, with_) => runCommand(command, given, with_),
      readSecret: (file) => this.folder.readSecret(file),
      readPublic: (file) => this.folder.readPublic(file),
      log: (_, line) => this.log.push(line),
      ...options,
    });
    this.mqtt = mqtt;
    nodes.add(this);
    mqtt.start();
    return mqtt;
  }

  async stop(): Promise<void> {
    nodes.delete(this);
    this.changes.stop();
    await this.mqtt?.stop();
  }
}
