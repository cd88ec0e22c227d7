// Who may do what by MQTT. A broker and all who may write to it are strangers until they sign.

import type { Command } from '../../commands/command.js';
import { Failure } from '../../commands/failure.js';
import { privilegedPaths } from '../../config/patch.js';
import type { Config } from '../../config/schema.js';

/** `signed`: by an admin. `trusted`: it came over a login at this agent, not over a broker. */
export type Standing = 'anybody' | 'signed' | 'trusted';

export type Policy = Pick<Config['mqtt'], 'allow' | 'privileged'>;

const SIGN =
  'it takes an admin\'s signature ("signed"), or mqtt.privileged set to open on the node';

/** Why the command may not be given; undefined where it may. */
export function whyNot(command: Command, policy: Policy, standing: Standing): string | undefined {
  if (command.place !== 'agent' && command.place !== 'either')
    return `"${command.name}" runs from the command line only`;
  if (standing !== 'anybody') return undefined;
  const privileged = command.privileged || command.permission === 'secret';
  if (privileged && policy.privileged === 'signed')
    return `"${command.name}" is privileged: ${SIGN}`;
  return whyNoChange(command.permission !== 'look', policy);
}

/** The same for a change of the configuration; throws Failure where it may not be. */
export function guardChange(
  before: Config,
  after: Config,
  policy: Policy,
  standing: Standing,
): void {
  if (standing !== 'anybody') return;
  const refused = whyNoChange(true, policy);
  if (refused !== undefined) throw new Failure(refused);
  if (policy.privileged === 'open') return;
  const problems = privilegedPaths(before, after).map((path) => ({
    path,
    problem: `is privileged: ${SIGN}`,
  }));
  if (after.mqtt.passwordFile !== null && before.mqtt.url !== after.mqtt.url)
    problems.push({
      path: 'mqtt.url',
      problem: `is privileged, as the password would go to another broker: ${SIGN}`,
    });
  if (problems.length > 0) throw new Failure('nothing was changed:', problems);
}

function whyNoChange(changes: boolean, policy: Policy): string | undefined {
  if (!changes || policy.allow === 'change') return undefined;
  return 'by MQTT one may only look here (mqtt.allow)';
}
