// The commands of `kith lab`: a mesh to look at and to break, in network namespaces.

import * as v from 'valibot';
import type { Command } from './command.js';

const lab = v.optional(
  v.pipe(
    v.string(),
    v.regex(/^[a-z0-9]{1,16}$/, 'must be 1 to 16 lower-case letters and digits'),
    v.description('which lab, where there is more than one'),
    v.metadata({ value: 'LAB' }),
  ),
  'lab',
);
const home = v.pipe(
  v.string(),
  v.description('such as house, cabin or studio'),
  v.metadata({ value: 'HOME' }),
);
const shape = { permission: 'change', place: 'process' } as const;
const whole = { ...shape, positional: [], schema: v.strictObject({ lab }) };
const ofHome = { ...shape, positional: ['home'], schema: v.strictObject({ home, lab }) };

export const LAB_COMMANDS: readonly Command[] = [
  {
    ...whole,
    name: 'lab up',
    help: 'three homes behind NATs, a reachable node and a guest, on this machine',
    details: [
      'Builds them in network namespaces, shows who reaches whom, and ends with Ctrl-C.',
      'Needs root, and the programs ip and nft; the guest needs wg.',
      'A node in it: ip netns exec kith-lab.house …',
    ],
  },
  { ...whole, name: 'lab down', help: 'end the lab and remove all of it, also after a crash' },
  {
    ...whole,
    name: 'lab status',
    permission: 'look',
    help: 'who reaches whom in the lab, and how',
  },
  { ...ofHome, name: 'lab cut', help: 'nothing gets through the uplink of a home any more' },
  { ...ofHome, name: 'lab heal', help: 'the uplink of a home works again' },
  {
    ...shape,
    name: 'lab nat',
    help: 'put another NAT before a home',
    positional: ['home', 'kind'],
    schema: v.strictObject({
      home,
      kind: v.pipe(
        v.string(),
        v.description(
          'forwarded, full-cone, address-restricted, port-restricted, symmetric or udp-blocked',
        ),
        v.metadata({ value: 'KIND' }),
      ),
      lab,
    }),
  },
  { ...ofHome, name: 'lab move', help: 'the uplink of a home gets another public address' },
];
