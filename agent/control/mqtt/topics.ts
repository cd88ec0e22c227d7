// Where things are on the broker:
//
//     kith/NODE/state              online | offline                     retained, last will
//     kith/NODE/status             how the node is, JSON                retained
//     kith/NODE/peer/PEER          one peer, JSON                       retained
//     kith/NODE/update             installed and newest version, JSON   retained
//     kith/NODE/event              what has just happened to a peer, JSON
//     kith/NODE/config             the configuration as it is, JSON     retained
//     kith/NODE/config/set         a merge patch (RFC 7396)             ← from others
//     kith/NODE/config/result      what came of it
//     kith/NODE/command/NAME       a command, words joined by hyphens   ← from others
//     kith/NODE/command/result     what came of it
//     kith/NODE/answer/…           result topics that a request may name
//
// NODE and PEER come from public keys, so a new name changes no topic.

const TOPIC_BYTES_MAX = 256; // more than any dashboard needs

export type Asked = Readonly<{ kind: 'config-set' } | { kind: 'command'; name: string }>;

export class Topics {
  readonly root: string;
  readonly state: string;
  readonly status: string;
  readonly update: string;
  readonly event: string;
  readonly config: string;
  readonly configResult: string;
  readonly commandResult: string;
  /** What others may send. */
  readonly subscriptions: readonly string[];

  constructor(
    private readonly base: string,
    readonly node: string,
  ) {
    this.root = `${base}/${node}`;
    this.state = `${this.root}/state`;
    this.status = `${this.root}/status`;
    this.update = `${this.root}/update`;
    this.event = `${this.root}/event`;
    this.config = `${this.root}/config`;
    this.configResult = `${this.root}/config/result`;
    this.commandResult = `${this.root}/command/result`;
    this.subscriptions = [`${this.root}/config/set`, `${this.root}/command/+`];
  }

  peer(label: string): string {
    return `${this.root}/peer/${label}`;
  }

  command(name: string): string {
    return `${this.root}/command/${name.replaceAll(' ', '-')}`;
  }

  /** What a message on this topic asks for; undefined for our own results and all else. */
  read(topic: string): Asked | undefined {
    if (topic === `${this.root}/config/set`) return { kind: 'config-set' };
    const start = `${this.root}/command/`;
    const name = topic.startsWith(start) ? topic.slice(start.length) : '';
    if (name === '' || name === 'result' || name.includes('/')) return undefined;
    return { kind: 'command', name };
  }

  /**
   * Whether a request may have its answer there: not where nodes take orders or tell their state,
   * or one node could be made to command another.
   */
  mayAnswer(topic: string, discoveryPrefix: string | null): boolean {
    if (topic === '' || Buffer.byteLength(topic) > TOPIC_BYTES_MAX) return false;
    if (/[\p{C}+#]/u.test(topic) || topic.startsWith('$')) return false;
    if (topic.startsWith(`${this.root}/answer/`)) return true;
    const taken = discoveryPrefix === null ? [this.base] : [this.base, discoveryPrefix];
    return taken.every((prefix) => topic !== prefix && !topic.startsWith(`${prefix}/`));
  }
}
