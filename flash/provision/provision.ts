// `kith flash provision`.

import { Failure, UsageFailure } from '../../agent/commands/failure.js';
import { NAME } from '../../agent/config/words.js';
import { type Program, STOPPED, type Stage } from '../command.js';
import { wantedSetup } from '../inject/inject.js';
import { Secrets } from '../inject/secrets.js';
import { Bench, type Outcome } from './bench.js';
import { agentInvites, type Invites, inviteList } from './invites.js';

export type ProvisionGiven = Readonly<{
  port: readonly string[];
  invite?: string;
  viaAgent: boolean;
  names?: string;
  settings?: string;
  loginPin?: string;
  baudRate: number;
  patience: number;
  wait: number;
}>;

export const provision: Program<ProvisionGiven> = {
  async run(given, stage) {
    const secrets = new Secrets(() => stage.readInput());
    const invites = await invitesOf(given, secrets, stage);
    const { settings: from, loginPin: pinFile, port: ports, baudRate } = given;
    const settings = from === undefined ? {} : await settingsFor(from, secrets, stage);
    const loginPin = pinFile === undefined ? undefined : await secrets.text('--login-pin', pinFile);
    const count = { ok: 0, failed: 0, total: invites.left };
    const tell = (line: string) => stage.error(`${line}\n`);
    tell(`${count.total} to set up, on ${ports.join(', ')}. Plug the first one in.`);
    const benches = ports.map(async (port) => {
      const times = { patienceMs: given.patience * 1000, waitMs: given.wait * 1000 };
      const { stop } = stage;
      const bench = new Bench({
        port,
        baudRate,
        settings,
        invites,
        loginPin,
        tell,
        stop,
        ...times,
      });
      for await (const outcome of bench.outcomes()) {
        if (outcome.ok) count.ok++;
        else if (!outcome.taken) count.failed++;
        report(outcome, invites, stage);
      }
    });
    await Promise.all(benches);
    if (stage.json) stage.out(`${JSON.stringify({ done: !stage.stop.aborted, ...count })}\n`);
    else tell(`${count.ok} of ${count.total} are in the mesh, ${count.failed} attempts failed.`);
    if (stage.stop.aborted) return STOPPED;
    return count.ok === count.total ? 0 : 1;
  },
};

async function invitesOf(given: ProvisionGiven, secrets: Secrets, { statePath }: Stage) {
  const { invite, viaAgent, names } = given;
  if ((invite !== undefined) === viaAgent)
    throw new UsageFailure('give either --invite FILE (or -), or --via-agent with --names');
  if (invite !== undefined) return inviteList(await secrets.text('--invite', invite));
  const list = (names ?? '').split(',').map((name) => name.trim());
  const bad = list.find((name) => !NAME.test(name));
  if (bad !== undefined)
    throw new UsageFailure(
      '--via-agent needs --names, such as cabin,barn: letters, digits, hyphens',
    );
  return agentInvites(statePath, list);
}

async function settingsFor(from: string, secrets: Secrets, { error }: Stage) {
  const { invite, name, wifi, sshKeys, ...settings } = await wantedSetup(
    { target: '', settings: from },
    secrets,
  );
  if (invite !== undefined || name !== undefined)
    throw new Failure('--settings is for all routers: no name and no invite in it');
  if (wifi !== undefined || sshKeys !== undefined)
    error('Wi-Fi and SSH keys of --settings are for cards (kith flash inject): left out here.\n');
  return settings;
}

function report(outcome: Outcome, invites: Invites, { json, out, error }: Stage): void {
  if (json) out(`${JSON.stringify(outcome)}\n`);
  else if (!outcome.ok) error(`${outcome.port}: ${outcome.error}\n`);
  else {
    const { name, addresses, path, seconds } = outcome;
    const next = invites.left > 0 ? ` Next: ${invites.left} left.` : '';
    out(`${name}: in the mesh, ${addresses.join(' ')}, ${path}, after ${seconds} s.${next}\n`);
  }
}
