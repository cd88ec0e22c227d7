// Meeting without a tracker: our signed candidates, sealed under the mesh's rendezvous key, lie
// where other members look (the LAN, an MQTT broker), and theirs are found there.
//
//   publish(record) ─▶ seal (epoch key, topic of ours) ─▶ each board
//   each board ─▶ topic of which member? ─▶ open ─▶ onRecord
//
// The boards carry bytes that only members can read, under names that only members can work out.

import { LanRendezvous } from './discovery/lan.js';
import { MqttRendezvous, type RetainingLink } from './discovery/mqtt.js';
import { openRendezvous, sealRendezvous, topicOf } from './identity/epoch.js';
import type { EpochKeys } from './identity/epochkeys.js';
import type { NodeId } from './identity/member.js';
import { idOf } from './identity/nodeid.js';
import type { Roster } from './identity/roster.js';

export type MeetingOptions = Readonly<{
  roster: Roster;
  self: NodeId;
  keys: EpochKeys;
  random: (bytes: number) => Uint8Array;
  lanAddresses: () => readonly string[]; // IPv4, of our local networks
  onRecord: (record: Uint8Array) => void;
  log: (level: 'error' | 'info' | 'verbose', line: string) => void;
}>;

export class Meeting {
  private lan: LanRendezvous | undefined;
  private mqtt: MqttRendezvous | undefined;
  private record: Uint8Array | undefined;
  private key: Uint8Array | undefined;
  private topics = new Map<string, NodeId>(); // of the other members, under `key`

  constructor(private readonly options: MeetingOptions) {}

  async startLan(): Promise<void> {
    const { lanAddresses: addresses, log } = this.options;
    const onRecord = (topic: Uint8Array, sealed: Uint8Array) => this.take(topic, sealed);
    this.lan = new LanRendezvous({ addresses, onRecord, log });
    await this.lan.start();
    this.rosterChanged();
    this.tell();
  }

  /** Over a broker, from now on; `base`: the first part of its topics. */
  startMqtt(link: RetainingLink, base: string): void {
    this.mqtt?.stop();
    this.mqtt = new MqttRendezvous(link, base, (topic, sealed) => this.take(topic, sealed));
    this.rosterChanged();
    this.tell();
    this.watch();
  }

  publish(record: Uint8Array): void {
    this.record = record;
    this.tell();
  }

  /** Members came or went, or there is a newer key. */
  rosterChanged(): void {
    const { roster, keys, self } = this.options;
    const before = this.key;
    this.key = keys.key;
    if (this.key === undefined) return;
    this.topics = new Map();
    for (const { node } of roster.members())
      if (node !== self) this.topics.set(idOf(topicOf(this.key, node)), node);
    this.watch();
    if (before !== this.key) this.tell();
  }

  /** Our networks are others now. */
  async moved(): Promise<void> {
    await this.lan?.moved();
    this.tell();
  }

  stop(): void {
    this.lan?.stop();
    this.mqtt?.stop();
  }

  private watch(): void {
    const { key } = this;
    if (key === undefined || this.mqtt === undefined) return;
    this.mqtt.watch(Array.from(this.topics.values(), (node) => topicOf(key, node)));
  }

  private tell(): void {
    const { key, record } = this;
    if (key === undefined || record === undefined || (!this.lan && !this.mqtt)) return;
    const { roster, self, random } = this.options;
    const chain = roster.chainOf(self);
    const sealed = sealRendezvous(key, self, { record, chain }, random);
    const topic = topicOf(key, self);
    this.lan?.publish(topic, sealed);
    this.mqtt?.publish(topic, sealed);
  }

  private take(topic: Uint8Array, sealed: Uint8Array): void {
    const node = topic.length === 32 ? this.topics.get(idOf(topic)) : undefined;
    if (node === undefined || this.key === undefined) return; // another mesh, or an older key
    const opened = openRendezvous(this.key, node, sealed);
    if (opened !== undefined) this.options.onRecord(opened.record);
  }
}
