// What a node's datagrams are made of: bytes on the wire by what they carry, for whoever asks why
// an idle node is not quiet. One table for a whole run, by node and kind.

const HEADERS = 28; // IPv4 and UDP, as net.ts counts them
const TYPES = ['', 'initiation', 'response', 'cookie'];
const KEEPALIVE_BYTES = 32;
const CHANNEL_TYPE = 0x21;

export type Share = { sent: number; sentBytes: number; received: number; receivedBytes: number };

export class Tally {
  /** What is being sealed just now: the kind of a control frame. */
  saying: string | undefined;
  private readonly labels = new WeakMap<Uint8Array, string>();
  private readonly nodes = new Map<string, Map<string, Share>>();

  sent(node: string, datagram: Uint8Array): void {
    const label = this.labelOf(datagram);
    this.labels.set(datagram, label);
    const share = this.share(node, label);
    share.sent++;
    share.sentBytes += datagram.length + HEADERS;
  }

  received(node: string, datagram: Uint8Array): void {
    const share = this.share(node, this.labels.get(datagram) ?? 'other');
    share.received++;
    share.receivedBytes += datagram.length + HEADERS;
  }

  clear(): void {
    this.nodes.clear();
  }

  /** Per node: how many of each kind in an hour, and bit/s, both ways; the most costly first. */
  table(nodes: readonly string[], seconds: number): string {
    const sums = new Map<string, { count: number; bytes: number }>();
    for (const node of nodes) {
      for (const [label, share] of this.nodes.get(node) ?? []) {
        const sum = sums.get(label) ?? { count: 0, bytes: 0 };
        sum.count += share.sent + share.received;
        sum.bytes += share.sentBytes + share.receivedBytes;
        sums.set(label, sum);
      }
    }
    const rows = [...sums].sort(([, a], [, b]) => b.bytes - a.bytes);
    const lines = rows.map(([label, { count, bytes }]) => {
      const perHour = ((count / nodes.length) * 3_600) / seconds;
      const bits = (8 * bytes) / nodes.length / seconds;
      const [often, costs] = [perHour.toFixed(1).padStart(8), bits.toFixed(1).padStart(7)];
      return `  ${label.padEnd(14)} ${often}/h ${costs} bit/s`;
    });
    return lines.join('\n');
  }

  private labelOf(datagram: Uint8Array): string {
    const type = datagram[0] ?? 0;
    if (type === CHANNEL_TYPE) return 'channel';
    if (type !== 4) return TYPES[type] ?? 'other';
    if (datagram.length === KEEPALIVE_BYTES) return 'keepalive';
    return this.saying ?? 'user';
  }

  private share(node: string, label: string): Share {
    const kinds = this.nodes.get(node) ?? new Map<string, Share>();
    this.nodes.set(node, kinds);
    const share = kinds.get(label) ?? { sent: 0, sentBytes: 0, received: 0, receivedBytes: 0 };
    kinds.set(label, share);
    return share;
  }
}
