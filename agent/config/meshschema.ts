// The settings of the mesh. Who belongs to it is not here: that is signed, and in the roster.

import * as v from 'valibot';

const live = { apply: 'live' } as const;
const restart = { apply: 'restart' } as const;

const GIGABYTES_MAX = 1_000_000;
const MEGABITS_MAX = 100_000;

function flag(help: string) {
  return v.pipe(
    v.optional(v.boolean('must be true or false'), true),
    v.description(help),
    v.metadata(restart),
  );
}

function off(help: string) {
  return v.pipe(
    v.optional(v.boolean('must be true or false'), false),
    v.description(help),
    v.metadata(restart),
  );
}

/** A number from 0, or null for no limit. */
function limit(most: number, fallback: number | null, help: string) {
  const range = `must be a number from 0 to ${most}, or null for no limit`;
  const number = v.pipe(v.number(range), v.minValue(0, range), v.maxValue(most, range));
  return v.pipe(v.optional(v.nullable(number), fallback), v.description(help), v.metadata(live));
}

const DiscoverySchema = v.strictObject({
  lan: flag('find members on the local network by multicast DNS'),
  mqtt: off('find members by sealed records on the MQTT broker'),
  remember: flag('keep the last endpoints of members in a file, for the next start'),
});

const ShareSchema = v.strictObject({
  relay: v.pipe(
    v.optional(v.boolean('must be true or false'), true),
    v.description('relay sealed datagrams between members that cannot meet'),
    v.metadata(live),
  ),
  relayMbps: limit(MEGABITS_MAX, 50, 'Mbit/s given to relaying; null: no limit'),
  relayGbPerMonth: limit(GIGABYTES_MAX, 100, 'GB a month given to relaying; null: no limit'),
});

export const MeshSchema = v.strictObject({
  portMapping: flag('ask the router in front for a port (PCP, NAT-PMP, UPnP)'),
  portPrediction: off('guess the ports of a hard NAT, within narrow limits'),
  discovery: v.optional(DiscoverySchema, {}),
  share: v.optional(ShareSchema, {}),
});
