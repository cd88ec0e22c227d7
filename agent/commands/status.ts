// `kith status` and `kith peers`.

import type { Handler, View } from './command.js';
import type { AgentView, Context, MeshStatus, MqttStatus, PeerStatus, Status } from './context.js';
import { Failure } from './failure.js';
import { formatBytes, formatSeconds, formatTable } from './table.js';

export const status: Handler<unknown, Status> = {
  run: (context) => running(context).status(),
  show(result, _given, view) {
    const { cipher, drops } = result;
    const checks = `noble checked it ${cipher.checked} times`;
    const alarms = cipher.alarms > 0 ? `, ${cipher.alarms} ALARMS` : '';
    const facts = [
      ['key', result.publicKey],
      ['interface', [result.interface, ...result.addresses].join(', ')],
      ['listens', `UDP port ${result.listen.port}`],
      ['cipher', `${cipher.engine}: ${cipher.reason} (${checks}${alarms})`],
      ['memory', formatBytes(result.memory.rss)],
      ['MQTT', formatMqtt(result.mqtt)],
      ['written', `${result.writes.files} files, ${formatBytes(result.writes.bytes)}`],
      ['drops', formatDrops(drops)],
      ...(result.mesh === null ? [] : [['mesh', formatMesh(result.mesh)]]),
    ];
    const head = `${result.name}, kith ${result.version}, up for ${formatSeconds(result.uptime)}`;
    const table = formatTable(facts.map(([name, fact]) => [`  ${name}`, fact ?? '']));
    return `${head}\n${table}\n\n${formatPeers(result.peers, view)}`;
  },
};

export const peers: Handler<unknown, { peers: readonly PeerStatus[] }> = {
  run: (context) => ({ peers: running(context).status().peers }),
  show: (result, _given, view) => formatPeers(result.peers, view),
};

function running(context: Context): AgentView {
  if (context.agent) return context.agent;
  throw new Failure('no agent is running');
}

function formatMqtt(mqtt: MqttStatus | null): string {
  if (mqtt === null) return 'off';
  const where = mqtt.url ?? 'its own broker';
  if (mqtt.connected) return `${where}, ${mqtt.protocol ?? 'connected'}`;
  // Its own broker sleeps until somebody comes.
  if (mqtt.url === null && mqtt.reason === null) return `${where}, nobody there`;
  return `${where}, not connected: ${mqtt.reason ?? 'trying'}`;
}

function formatDrops(drops: Readonly<Record<string, number>>): string {
  const counted = Object.entries(drops).filter(([, count]) => count > 0);
  counted.sort(([, a], [, b]) => b - a);
  return counted.map(([reason, count]) => `${count} ${reason}`).join(', ') || 'none';
}

function formatMesh({ members, trackers, reachable, nat, tracked, relay }: MeshStatus): string {
  const facts = [
    `${members} members`,
    reachable ? 'reachable by anybody' : `NAT ${nat}`,
    trackers.length > 0 ? `trackers ${trackers.join(', ')}` : 'no tracker',
  ];
  if (tracked > 0) facts.push(`tracks ${tracked}`);
  if (relay.circuits > 0) facts.push(`relays ${relay.circuits}`);
  if (relay.givenBytes > 0) facts.push(`${formatBytes(relay.givenBytes)} relayed this month`);
  return facts.join(', ');
}

function formatPeers(list: readonly PeerStatus[], view: View): string {
  if (list.length === 0) return 'no peers yet: `kith guest add phone --qr` adds one';
  const head = ['peer', 'path', 'handshake', 'received', 'sent', 'endpoint', 'addresses'];
  const now = Date.now() / 1000;
  const rows = list.map((peer) => [
    peer.name,
    peer.path.via === null ? peer.path.class : `${peer.path.class} by ${peer.path.via}`,
    peer.lastHandshake === null ? 'never' : `${formatSeconds(now - peer.lastHandshake)} ago`,
    formatBytes(peer.rxBytes),
    formatBytes(peer.txBytes),
    peer.endpoint ?? '-',
    shortList(peer.addresses),
  ]);
  const reasons = list.flatMap(({ name, path: { reason } }) =>
    reason === null ? [] : [`${name}: ${reason.evidence}. ${reason.advice}`],
  );
  const table = narrow([head, ...rows], view);
  return reasons.length > 0 ? `${table}\n\n${reasons.join('\n')}` : table;
}

/** On a terminal the last columns give way, as far as two, where the table is wider than it. */
function narrow(rows: ReadonlyArray<readonly string[]>, { terminal, columns }: View): string {
  const whole = formatTable(rows);
  if (!terminal) return whole;
  const fewer = [1, 2].map((left) => formatTable(rows.map((row) => row.slice(0, -left))));
  const fits = (table: string) => table.split('\n').every((row) => row.length <= columns);
  return [whole, ...fewer].find(fits) ?? fewer.at(-1) ?? whole;
}

const SHOWN_MAX = 3;

function shortList(items: readonly string[]): string {
  if (items.length <= SHOWN_MAX) return items.join(', ') || '-';
  return `${items.slice(0, SHOWN_MAX).join(', ')} and ${items.length - SHOWN_MAX} more`;
}
