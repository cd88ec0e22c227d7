// Invites for many routers, one each: from a list, or made by the agent here, name by name.

import { Failure } from '../../agent/commands/failure.js';
import { Client } from '../../agent/control/client.js';
import { Folder } from '../../agent/control/folder.js';
import { wipe } from '../../agent/crypto/secret.js';
import { decodeInvite } from '../../agent/identity/invite.js';

export interface Invites {
  /** How many may still be taken. */
  readonly left: number;
  /** Throws Failure. */
  take(): Promise<string>;
  /** It was not used; whoever comes next gets it. */
  giveBack(word: string): void;
}

const LIST_MAX = 10_000;

/** Words, one on each line; the first bad one is named by its line. Throws Failure. */
export function inviteList(text: string): Invites {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const words = lines.flatMap((line, i) => {
    if (line === '' || line.startsWith('#')) return [];
    const read = decodeInvite(line);
    if ('problem' in read) throw new Failure(`invite on line ${i + 1}: ${read.problem.text}`);
    wipe(read.invite.secret);
    return [line];
  });
  if (words.length === 0) throw new Failure('there is no invite: one word on each line');
  if (words.length > LIST_MAX) throw new Failure(`more than ${LIST_MAX} invites`);
  return {
    get left() {
      return words.length;
    },
    take: async () => {
      const word = words.shift();
      if (word === undefined) throw new Failure('no invite is left');
      return word;
    },
    giveBack: (word) => void words.unshift(word),
  };
}

/** The agent on this machine is asked for one each; it has to be an admin's. */
export function agentInvites(statePath: string, names: readonly string[]): Invites {
  const waiting = [...names];
  const made: string[] = []; // and not used
  const { socketPath } = new Folder(statePath);
  return {
    get left() {
      return waiting.length + made.length;
    },
    async take() {
      const again = made.shift();
      if (again !== undefined) return again;
      const [name] = waiting;
      if (name === undefined) throw new Failure('no name is left');
      const client = await Client.open(socketPath);
      if (!client)
        throw new Failure(`no agent is running on ${statePath}: start it with \`kith up\``);
      try {
        const { result } = await client.ask('invite', { name });
        waiting.shift();
        return String((result as { word: unknown }).word);
      } finally {
        client.close();
      }
    },
    giveBack: (word) => void made.unshift(word),
  };
}
