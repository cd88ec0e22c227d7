// The status as figures for Prometheus (text format 0.0.4). Peers by name; no addresses.

import type { PeerStatus, Status } from '../../commands/context.js';

export const PEERS_SHOWN_MAX = 256; // each makes five series; the sums count all

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

export function metricsText(status: Status): string {
  const lines: string[] = [];
  const add = (name: string, type: 'gauge' | 'counter', help: string, samples: Sample[]) => {
    if (samples.length === 0) return;
    lines.push(`# HELP kith_${name} ${help}`, `# TYPE kith_${name} ${type}`);
    for (const [labels, value] of samples) lines.push(`kith_${name}${labelText(labels)} ${value}`);
  };
  const { peers, mesh } = status;
  add('info', 'gauge', 'What runs here.', [
    [{ name: status.name, version: status.version, engine: status.cipher.engine }, 1],
  ]);
  add('uptime_seconds', 'gauge', 'Since the start of the agent.', [[{}, status.uptime]]);
  add('memory_rss_bytes', 'gauge', 'Memory of the agent.', [[{}, status.memory.rss]]);
  add('state_writes_total', 'counter', 'Files written to flash.', [[{}, status.writes.files]]);
  add('state_written_bytes_total', 'counter', 'The same in bytes.', [[{}, status.writes.bytes]]);
  add('cipher_alarms_total', 'counter', 'Packets the engines did not agree about.', [
    [{}, status.cipher.alarms],
  ]);
  add(
    'peers',
    'gauge',
    'Peers, by how they are reached.',
    (['direct', 'relay', 'none'] as const).map((path) => [
      { path },
      peers.filter((peer) => peer.path.class === path).length,
    ]),
  );
  const sum = (of: (peer: PeerStatus) => number) => peers.reduce((all, peer) => all + of(peer), 0);
  add('received_bytes_total', 'counter', 'From all peers.', [[{}, sum((peer) => peer.rxBytes)]]);
  add('sent_bytes_total', 'counter', 'To all peers.', [[{}, sum((peer) => peer.txBytes)]]);
  addPeers(byName(peers).slice(0, PEERS_SHOWN_MAX), add);
  add(
    'dropped_packets_total',
    'counter',
    'Packets dropped, by reason.',
    Object.entries(status.drops).map(([reason, count]) => [{ reason }, count]),
  );
  if (mesh) {
    add('mesh_members', 'gauge', 'Members of the mesh.', [[{}, mesh.members]]);
    add('mesh_tracked', 'gauge', 'Members that this node serves.', [[{}, mesh.tracked]]);
    add('relay_circuits', 'gauge', 'Pairs that this node relays for.', [[{}, mesh.relay.circuits]]);
    add('relay_given_bytes_total', 'counter', 'Relayed for others.', [[{}, mesh.relay.givenBytes]]);
  }
  return `${lines.join('\n')}\n`;
}

/** A series may be there once: of peers that share a name the first counts. */
function byName(peers: readonly PeerStatus[]): PeerStatus[] {
  const named = new Map<string, PeerStatus>();
  for (const peer of peers) if (!named.has(peer.name)) named.set(peer.name, peer);
  return [...named.values()];
}

type Add = (name: string, type: 'gauge' | 'counter', help: string, samples: Sample[]) => void;

function addPeers(peers: readonly PeerStatus[], add: Add): void {
  const each = (of: (peer: PeerStatus) => number | null): Sample[] =>
    peers.flatMap((peer) => {
      const value = of(peer);
      return value === null ? [] : [[{ peer: peer.name }, value] as const];
    });
  const connected = each(({ path }) => (path.class === 'none' ? 0 : 1));
  add('peer_connected', 'gauge', 'Whether there is a path.', connected);
  add(
    'peer_received_bytes_total',
    'counter',
    'From this peer.',
    each((peer) => peer.rxBytes),
  );
  add(
    'peer_sent_bytes_total',
    'counter',
    'To this peer.',
    each((peer) => peer.txBytes),
  );
  const rtt = each(({ path }) => (path.rttMs === null ? null : path.rttMs / 1000));
  add('peer_rtt_seconds', 'gauge', 'Round trip time.', rtt);
  const last = each((peer) => peer.lastHandshake);
  add('peer_last_handshake_seconds', 'gauge', 'Unix time of the last handshake.', last);
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
