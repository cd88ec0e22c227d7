// The page's connection to its agent: requests go out as MQTT messages under kith/NODE/, and each
// answer comes back with the id of its request, to this page alone.

import * as mqtt from './mqtt.js';

export type Answer = Readonly<{
  id: string;
  ok: boolean;
  result?: unknown;
  error?: string;
  problems?: readonly string[]; // `path: problem`
  notes?: readonly string[];
  restart?: readonly string[];
  pending?: number; // seconds until the change is taken back
}>;

export type SessionEvents = Readonly<{
  /** The agent answers from now on, or no more. */
  onLink(up: boolean): void;
  /** The configuration is another now. */
  onConfig(): void;
  /** What became of a change that was pending. */
  onEnd(answer: Answer): void;
  /** The login counts no more. */
  onLoggedOut(): void;
}>;

const PATIENCE_MS = 20_000; // an agent on a slow router with a large mesh
const PING_MS = 30_000;
const RETRY_MS = 2_000;

type Waiting = Readonly<{ resolve(answer: Answer): void; timer: number }>;

export class Session {
  private socket: WebSocket | undefined;
  private readonly waiting = new Map<string, Waiting>();
  private readonly mark = crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36) ?? '';
  private count = 0;
  private timer = 0;
  private ended = false;

  constructor(
    private readonly token: string,
    private readonly node: string,
    private readonly events: SessionEvents,
  ) {}

  start(): void {
    const url = `${location.protocol.replace('http', 'ws')}//${location.host}/mqtt`;
    const socket = new WebSocket(url, ['mqtt', `token.${this.token}`]);
    const reader = new mqtt.PacketReader();
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => socket.send(mqtt.connectPacket(`page-${this.mark}-${this.count++}`));
    socket.onmessage = ({ data }) => {
      for (const packet of reader.read(new Uint8Array(data as ArrayBuffer))) this.take(packet);
    };
    socket.onclose = () => void this.closed();
    this.socket = socket;
  }

  stop(): void {
    this.ended = true;
    this.socket?.close();
  }

  /** Never rejects: what goes wrong is an answer, too. */
  ask(command: string, given: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    return this.send(`command/${command.replaceAll(' ', '-')}`, { arguments: given });
  }

  patch(patch: unknown, confirm: number | undefined): Promise<Answer> {
    return this.send('config/set', { patch, ...(confirm !== undefined && { confirm }) });
  }

  private send(topic: string, message: Readonly<Record<string, unknown>>): Promise<Answer> {
    const id = `${this.mark}-${this.count++}`;
    const { socket } = this;
    if (socket?.readyState !== WebSocket.OPEN)
      return Promise.resolve({ id, ok: false, error: 'the agent is out of reach' });
    socket.send(
      mqtt.publishPacket(`kith/${this.node}/${topic}`, JSON.stringify({ id, ...message })),
    );
    return new Promise((resolve) => {
      const late = { id, ok: false, error: 'the agent did not answer in time' };
      const timer = window.setTimeout(() => this.settle(late), PATIENCE_MS);
      this.waiting.set(id, { resolve, timer });
    });
  }

  private take(packet: mqtt.Packet): void {
    const root = `kith/${this.node}`;
    if (packet.type === mqtt.CONNACK) {
      const topics = ['state', 'config', 'config/result'].map((topic) => `${root}/${topic}`);
      this.socket?.send(mqtt.subscribePacket(1, topics));
      this.timer = window.setInterval(() => this.socket?.send(mqtt.pingPacket()), PING_MS);
    }
    if (packet.type !== mqtt.PUBLISH) return;
    const { topic, payload } = mqtt.readPublish(packet);
    if (topic === `${root}/state`) this.events.onLink(payload === 'online');
    else if (topic === `${root}/config`) this.events.onConfig();
    else if (topic.endsWith('/result')) this.settle(JSON.parse(payload) as Answer);
  }

  private settle(answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    if (!waiting) {
      this.events.onEnd(answer);
      return;
    }
    clearTimeout(waiting.timer);
    this.waiting.delete(answer.id);
    waiting.resolve(answer);
  }

  private async closed(): Promise<void> {
    clearInterval(this.timer);
    this.events.onLink(false);
    for (const id of [...this.waiting.keys()])
      this.settle({ id, ok: false, error: 'the connection to the agent was lost' });
    if (this.ended) return;
    const held = await holds(this.token);
    if (held === false) this.events.onLoggedOut();
    else setTimeout(() => !this.ended && this.start(), RETRY_MS);
  }
}

/** Undefined while the agent is out of reach. */
async function holds(token: string): Promise<boolean | undefined> {
  try {
    const { status } = await fetch('/login', { headers: { Authorization: `Bearer ${token}` } });
    return status === 401 ? false : status === 200 || undefined;
  } catch {
    return undefined;
  }
}
