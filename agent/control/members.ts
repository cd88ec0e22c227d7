// Members by the names that people call them, and as commands show them.

import { formatPrefix } from '../bytes/address.js';
import { encodeKey } from '../bytes/base64.js';
import { Failure } from '../commands/failure.js';
import type { MemberView } from '../commands/meshstore.js';
import { NAME, safeName } from '../config/words.js';
import type { Member } from '../identity/member.js';
import type { Roster } from '../identity/roster.js';

export function viewOf(member: Member, self: string): MemberView {
  return {
    name: member.name,
    node: member.node,
    publicKey: encodeKey(member.publicKey),
    addresses: member.addresses.map(formatPrefix),
    roles: member.roles,
    admin: member.admin,
    self: member.node === self,
  };
}

/**
 * By its name or its node key. Two admins who could not see each other may have given one name
 * twice: then only the key will do, and the Failure says which there are.
 */
export function memberNamed(roster: Roster, name: string): Member | undefined {
  const byKey = roster.member(name);
  if (byKey) return byKey;
  const found = [...roster.members()].filter((one) => one.name === name);
  if (found.length <= 1) return found[0];
  const keys = found.map(({ node }) => node).join(', ');
  throw new Failure(`${found.length} members are called "${name}"; say which one: ${keys}`);
}

/** Throws Failure. */
export function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new Failure(
    `"${name}" cannot be a name: 1 to 63 lower-case letters, digits and hyphens; ` +
      `how about ${safeName(name, 'node')}?`,
  );
}

/** Their names. */
export function adminsOf(roster: Roster): string {
  const admins = [...roster.members()].filter(({ admin }) => admin);
  return admins.map(({ name }) => name).join(', ');
}

export function noAdmin(roster: Roster): Failure {
  return new Failure(`this node is no admin of the mesh; ${adminsOf(roster) || 'nobody'} is`);
}
