// `kith provision`: a node from factory-fresh to where it belongs, by one document
// (board/setupfile.ts). Everything in it is looked at before anything changes, and doing it again
// does no harm.

import { readSetup, type Setup } from '../../board/setupfile.js';
import { patchedConfig } from '../config/patch.js';
import type { Config } from '../config/schema.js';
import { wipe } from '../crypto/secret.js';
import { decodeInvite } from '../identity/invite.js';
import type { Handler } from './command.js';
import type { Context, KeyFile } from './context.js';
import { Failure } from './failure.js';
import type { Joined } from './meshstore.js';

const PASSWORD_FILE = 'mqtt.password';
const PIN_FILE = 'console.pin';

type Provisioned = Readonly<{
  name: string;
  joined: Joined | null;
  restart: readonly string[];
  /** Parts that are for the machine, not for the agent: a card's first boot does them. */
  left: readonly string[];
}>;

export const provision: Handler<Readonly<{ setup: string }>, Provisioned> = {
  async run(context, { setup: text }) {
    const read = readSetup(text);
    if ('problems' in read) throw new Failure('nothing was changed:', read.problems);
    return provisionNode(context, read.setup);
  },
  show: ({ name, joined, restart, left }) =>
    [
      joined ? `This node is ${joined.name} now, let in by ${joined.by}.` : `This node is ${name}.`,
      ...(restart.length > 0 ? [`At the next start of the agent: ${restart.join(', ')}.`] : []),
      ...(left.length > 0 ? [`Left to the first boot of a card: ${left.join(', ')}.`] : []),
    ].join('\n'),
};

/** Throws Failure: before anything was changed, or where joining failed. */
export async function provisionNode(context: Context, setup: Setup): Promise<Provisioned> {
  const { store, mesh } = context;
  const fresh = mesh.members() === null;
  if (setup.invite !== undefined && fresh) checkInvite(setup.invite);
  const { restart } = await store.update(
    (before) => withSetup(before, setup, fresh),
    keysOf(setup),
  );
  let joined: Joined | null = null;
  if (setup.invite !== undefined) {
    if (fresh) joined = await mesh.join(setup.invite);
    else context.note('this node is in a mesh already: the invite was not used');
  }
  const left = (['wifi', 'sshKeys'] as const).filter((part) => setup[part] !== undefined);
  return { name: store.read().name, joined, restart, left };
}

function checkInvite(word: string): void {
  const read = decodeInvite(word);
  if ('problem' in read)
    throw new Failure('nothing was changed:', [{ path: 'invite', problem: read.problem.text }]);
  wipe(read.invite.secret);
}

/** The name of an invite or of a mesh counts more than that of the document. */
function withSetup(before: Config, { name, invite, mqtt, pin, config }: Setup, fresh: boolean) {
  const own: Record<string, unknown> = {};
  if (name !== undefined && fresh && invite === undefined) own.name = name;
  if (pin !== undefined) own.serial = { pinFile: PIN_FILE };
  if (mqtt) {
    const { url, username, password } = mqtt;
    own.mqtt = {
      enabled: true,
      url,
      username: username ?? null,
      passwordFile: password === undefined ? null : PASSWORD_FILE,
    };
  }
  return [config ?? {}, own].reduce<Config>((now, patch) => {
    const changed = patchedConfig(now, patch);
    if ('problems' in changed) throw new Failure('nothing was changed:', changed.problems);
    return changed.config;
  }, before);
}

function keysOf({ mqtt, pin }: Setup): KeyFile[] {
  const keys: KeyFile[] = [];
  if (mqtt?.password !== undefined) keys.push({ name: PASSWORD_FILE, key: mqtt.password });
  if (pin !== undefined) keys.push({ name: PIN_FILE, key: pin });
  return keys;
}
