// The wizard on a terminal: its questions asked, and at the end what was answered is done.

import { localPrefixes } from '../../../board/machine.js';
import { formatPrefix, parsePrefix } from '../../bytes/address.js';
import type { KeyFile } from '../../commands/context.js';
import { Failure, failureLines } from '../../commands/failure.js';
import { withValueAt } from '../../config/path.js';
import type { Config } from '../../config/schema.js';
import { wipe } from '../../crypto/secret.js';
import { decodeInvite } from '../../identity/invite.js';
import { perform, type Shell } from './perform.js';
import { type Plan, Wizard, type WizardFacts } from './wizard.js';

const PIN_FILE = 'console.pin';
const PASSWORD_FILE = 'mqtt.password';

/** Nothing was set up yet: no mesh, no peers. */
export function isFresh(shell: Shell): boolean {
  const { mesh, store } = shell.context(() => {});
  try {
    return mesh.members() === null && store.read().peers.length === 0;
  } catch (error) {
    if (error instanceof Failure) return false; // a damaged file is no fresh node
    throw error;
  }
}

/** Resolves when all is done, or left. */
export async function setUp(shell: Shell): Promise<void> {
  const { terminal } = shell;
  const wizard = new Wizard(factsOf(shell));
  terminal.print('Setting this node up. `?` explains, `back` goes back, Ctrl-C leaves.');
  let asked = '';
  while (wizard.done === undefined) {
    const { title, ask, secret, help } = wizard.question;
    const heading = `\n${wizard.progress}  ${title}`;
    if (heading !== asked) {
      terminal.print(heading);
      if (wizard.progress === LAST) terminal.print(wizard.summary().join('\n'));
    }
    asked = heading;
    const typed = await terminal.line({ text: ask, secret });
    if (typed.kind === 'spoiled') terminal.print(SPOILED);
    else if (typed.kind !== 'line') return terminal.print('Left. `setup` begins again.');
    else if (['?', 'help'].includes(typed.text.trim())) terminal.print(help.join('\n'));
    else for (const said of wizard.answer(typed.text)) terminal.print(said);
  }
  if (wizard.done === 'no') terminal.print('Nothing was changed. `setup` begins again.');
  else await carryOut(wizard.plan, shell);
}

export const SPOILED = 'That line had characters of no keyboard in it, and was dropped.';
const LAST = '6/6';

function factsOf(shell: Shell): WizardFacts {
  const { store, mesh } = shell.context(() => {});
  const config = store.read();
  return {
    name: config.name,
    networks: networksBeside(config),
    inMesh: mesh.members() !== null,
    mqtt: config.mqtt.enabled ? (config.mqtt.url ?? 'own') : 'off',
    lan: lanOf(config),
    hasPin: config.serial.pinFile !== null,
    check(path, value) {
      const changed = withValueAt(config, path, value);
      if (!('problems' in changed)) return undefined;
      return changed.problems[0]?.problem ?? 'is not right';
    },
    readInvite(word) {
      const read = decodeInvite(word);
      if ('problem' in read)
        return { problem: read.problem.text, cutOff: read.problem.code === 'cut-off' };
      wipe(read.invite.secret);
      return { name: read.invite.name };
    },
  };
}

/** The prefixes of this machine's links, but for the tunnel's and what is of one host or link. */
function networksBeside({ interface: { addresses } }: Config): string[] {
  const tunnel = new Set(addresses.flatMap((text) => networkOf(text) ?? []));
  const networks = localPrefixes().map(formatPrefix);
  return networks.filter(
    (text) => !tunnel.has(text) && !/^(127\.|::1|fe80:)|\/(32|128)$/.test(text),
  );
}

function networkOf(text: string): string | undefined {
  const prefix = parsePrefix(text);
  return prefix && formatPrefix(prefix);
}

function lanOf({ mesh, broker }: Config): WizardFacts['lan'] {
  if (broker.reach === 'lan') return 'all';
  return mesh.discovery.lan ? 'members' : 'none';
}

async function carryOut(plan: Plan, shell: Shell): Promise<void> {
  const { terminal } = shell;
  const { settings, keys } = changesOf(plan);
  if (settings.length > 0) {
    try {
      const { restart } = await shell
        .context(() => {})
        .store.update((before) => settings.reduce(withSetting, before), keys);
      terminal.print(`Set: ${settings.map(([path]) => path).join(', ')}.`);
      if (restart.length > 0)
        terminal.print(`At the next start of the agent: ${restart.join(', ')}.`);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return terminal.print(failureLines(error).join('\n'));
    }
  }
  if (plan.mesh === 'none') return terminal.print('Done. `help` lists what there is.');
  terminal.print(plan.mesh === 'new' ? 'Making a mesh ...' : 'Joining the mesh ...');
  await perform(plan.mesh === 'new' ? 'init' : `join ${plan.mesh}`, shell);
  if (shell.context(() => {}).mesh.members() === null)
    terminal.print('It is in no mesh yet: `join -` tries an invite, `setup` asks again.');
}

function changesOf(plan: Plan): { settings: Array<readonly [string, string]>; keys: KeyFile[] } {
  const settings = [...plan.settings];
  const keys: KeyFile[] = [];
  if (plan.password !== undefined) {
    settings.push(['mqtt.passwordFile', PASSWORD_FILE]);
    keys.push({ name: PASSWORD_FILE, key: plan.password });
  }
  if (plan.pin !== undefined) {
    settings.push(['serial.pinFile', PIN_FILE]);
    keys.push({ name: PIN_FILE, key: plan.pin });
  }
  return { settings, keys };
}

function withSetting(config: Config, [path, value]: readonly [string, string]): Config {
  const changed = withValueAt(config, path, value);
  if ('problems' in changed) throw new Failure('nothing was changed:', changed.problems);
  return changed.config;
}
