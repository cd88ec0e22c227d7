import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Command } from '../../../agent/commands/command.js';
import { Failure, failureLines } from '../../../agent/commands/failure.js';
import { COMMANDS } from '../../../agent/commands/registry.js';
import { patchedConfig } from '../../../agent/config/patch.js';
import { guardChange, type Policy, whyNot } from '../../../agent/control/mqtt/permission.js';
import { config } from '../../config/samples.js';

const SIGNED: Policy = { allow: 'change', privileged: 'signed' };
const OPEN: Policy = { allow: 'change', privileged: 'open' };
const LOOK: Policy = { allow: 'look', privileged: 'signed' };
const command = (parts: Partial<Command>): Command =>
  ({ name: 'x', permission: 'look', place: 'agent', ...parts }) as Command;

function refused(before: object, patch: object, policy = SIGNED, standing = 'anybody' as const) {
  const first = config(before);
  const changed = patchedConfig(first, patch);
  assert.ok('config' in changed, JSON.stringify(changed));
  try {
    guardChange(first, 'config' in changed ? changed.config : first, policy, standing);
    return '';
  } catch (error) {
    if (error instanceof Failure) return failureLines(error).join('\n');
    throw error;
  }
}

const permission = suite('control/mqtt/permission');

const rows: [Partial<Command>, Policy, string][] = [
  [{}, LOOK, ''],
  [{ permission: 'change' }, SIGNED, ''],
  [{ permission: 'change' }, LOOK, 'only look'],
  [{ permission: 'secret' }, SIGNED, 'privileged'],
  [{ permission: 'secret' }, OPEN, ''],
  [{ permission: 'secret' }, { allow: 'look', privileged: 'open' }, 'only look'],
  [{ permission: 'change', privileged: true }, SIGNED, 'privileged'],
  [{ permission: 'change', privileged: true }, OPEN, ''],
  [{ place: 'here' }, OPEN, 'command line only'],
  [{ place: 'process' }, OPEN, 'command line only'],
];

for (const [parts, policy, reason] of rows)
  permission(`${JSON.stringify(parts)} under ${JSON.stringify(policy)}: ${reason || 'may'}`, () => {
    const why = whyNot(command(parts), policy, 'anybody') ?? '';
    assert.ok(reason === '' ? why === '' : why.includes(reason), why);
    const others = ['signed', 'trusted'] as const;
    for (const standing of others)
      assert.is(whyNot(command(parts), policy, standing) === undefined, !('place' in parts));
  });

permission('what lets strangers in or takes a node away is never free', () => {
  for (const name of [
    'init',
    'invite',
    'join',
    'revoke',
    'admin add',
    'admin remove',
    'guest add',
  ]) {
    const found = COMMANDS.find((one) => one.name === name);
    assert.ok(found, name);
    assert.ok(whyNot(found!, SIGNED, 'anybody'), name);
  }
});

// A new command has to be put here, or be marked: what may anybody do who writes to the broker?
permission('what anybody may do is listed', () => {
  const open = COMMANDS.filter((one) => whyNot(one, SIGNED, 'anybody') === undefined);
  const wanted = `config apply, config confirm, config get, config patch, config rollback,
    config schema, config set, guest remove, paths, peers, status,
    update announce, update check, update status`;
  const names = open.map(({ name }) => name).sort();
  assert.equal(names, wanted.split(/,\s*/));
});

permission('a password does not go to another broker unsigned', () => {
  const withPassword = { mqtt: { url: 'mqtts://a.example', passwordFile: 'p' } };
  const patch = { mqtt: { url: 'mqtt://a.example' } };
  assert.match(refused(withPassword, patch), /mqtt.url: is privileged, as the password/);
  assert.is(refused(withPassword, patch, OPEN), '');
  assert.is(refused({ mqtt: { url: 'mqtts://a.example' } }, patch), '');
  assert.is(refused(withPassword, { mqtt: { username: 'x' } }), '');
});

permission.run();
