// `kith sign` and `kith unseal`: orders of an admin to a node somewhere else, over MQTT.

import type { Handler } from './command.js';
import { Failure } from './failure.js';
import { labelOf } from './label.js';

type SignGiven = Readonly<{ node: string; to: string; body: string }>;
type Signed = Readonly<{ topic: string; payload: string }>;

const NONCE_BYTES = 16;

export const sign: Handler<SignGiven, Signed> = {
  run({ mesh, store, random }, { node, to, body }) {
    const member = mesh.members()?.find(({ name }) => name === node);
    if (!member) throw new Failure(`there is no member "${node.slice(0, 64)}"`);
    const label = labelOf(member.publicKey);
    const order = JSON.stringify({
      node: label,
      to: topicOf(to),
      body: parsed(body),
      sealTo: mesh.members()?.find(({ self }) => self)?.publicKey,
      nonce: Buffer.from(random(NONCE_BYTES)).toString('base64url'),
      time: Math.floor(Date.now() / 1000),
    });
    const signed = Buffer.from(mesh.sign(order)).toString('base64');
    return {
      topic: `${store.read().mqtt.baseTopic}/${label}/${topicOf(to)}`,
      payload: JSON.stringify({ signed }),
    };
  },
  show({ topic, payload }, _, { remark }) {
    remark(`publish this within two minutes on ${topic}`);
    return payload;
  },
};

export const unseal: Handler<Readonly<{ sealed: string }>, unknown> = {
  run({ mesh }, { sealed }) {
    const plain = mesh.unseal(sealed.trim());
    try {
      return JSON.parse(new TextDecoder().decode(plain)) as unknown;
    } finally {
      plain.fill(0);
    }
  },
  show: (result) => JSON.stringify(result, null, 2),
};

/** `guest add` and `config/set` as they stand in the topic. */
function topicOf(to: string): string {
  return to === 'config/set' ? to : `command/${to.replaceAll(' ', '-')}`;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Failure('the arguments are not JSON');
  }
}
