// The overlay on an interface, with the roster of a real mesh and no kernel.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatPrefix, type Prefix, parsePrefix } from '../agent/bytes/address.js';
import type { Config } from '../agent/config/schema.js';
import { revokeNode } from '../agent/identity/admin.js';
import { ownProfile } from '../agent/identity/door.js';
import { OverlayLink } from '../agent/overlaylink.js';
import type { Detour } from '../board/detour.js';
import type { Overlay } from '../board/overlay.js';
import { TestMesh } from './identity/meshes.js';

const p = (text: string): Prefix => parsePrefix(text)!;

/** Two members; what the kernel would be told; addresses stay on the interface as they would. */
function make() {
  const mesh = new TestMesh();
  const { roster, founder } = mesh;
  roster.add([ownProfile(roster, founder.signer, {}, mesh.now)]);
  const { joiner } = mesh.join(mesh.invite('cabin'));
  roster.add([ownProfile(roster, joiner.signer, {}, mesh.now)]);
  const told: Overlay[] = [];
  const detours: { before: Detour; after: Detour }[] = [];
  const mtus: string[] = [];
  const logged: string[] = [];
  const here: Prefix[] = [p('192.168.1.0/24')];
  const broken = { error: undefined as Error | undefined };
  const peers: Config['peers'] = [];
  const link = new OverlayLink({
    name: 'kith0',
    self: founder.node,
    roster,
    peers: () => peers,
    log: (_level, line) => logged.push(line),
    local: () => [...here, ...(told.at(-1)?.addresses ?? [])],
    change: async (_name, _before, after) => {
      if (broken.error) throw broken.error;
      told.push(after);
      return [];
    },
    detour: async (_name, whose, before, after) => {
      assert.is(whose, 'members');
      detours.push({ before, after });
      return [];
    },
    setMtu: async (_name, [prefix], mtu) => {
      if (broken.error) throw broken.error;
      mtus.push(`${prefix && formatPrefix(prefix)} ${mtu}`);
      return [];
    },
  });
  const routes = () => told.at(-1)?.routes.map(formatPrefix) ?? [];
  const offered = () => detours.at(-1)?.after.routes.map(formatPrefix) ?? [];
  const all = { mesh, joiner, link, told, mtus, logged, here, broken, peers, routes };
  return { ...all, detours, offered };
}

const links = suite('overlaylink');

links('another IPv4 address does not take the mesh for a foreign network', async () => {
  const { mesh, link, routes, told } = make();
  const { roster, founder } = mesh;
  await link.follow();
  assert.is(routes().length, 2);
  const before = told.at(-1)!.addresses[1];
  const { host } = roster.record(founder.node).profile!;
  const { issueProfile } = await import('../agent/identity/issue.js');
  const seq = mesh.now + 9;
  roster.add([issueProfile(mesh.meshKey, founder.signer, { seq, host: (host ?? 0) ^ 512 })]);
  await link.follow();
  assert.not.equal(told.at(-1)!.addresses[1], before);
  assert.is(routes().length, 2, routes().join());
});

links('what is used here, or given to a peer of kith.json, gets no route', async () => {
  const { mesh, joiner, link, offered, peers, logged } = make();
  const { roster } = mesh;
  const texts = ['192.168.1.0/25', '10.7.0.2/32', '10.8.0.0/16'];
  peers.push({ allowedIps: ['10.7.0.0/24', '0.0.0.0/0'] } as unknown as Config['peers'][number]);
  roster.add([ownProfile(roster, joiner.signer, { subnets: texts.map(p) }, mesh.now + 9)]);
  await link.follow();
  assert.equal(offered(), ['10.8.0.0/16']);
  await link.follow();
  assert.equal(logged, [
    'no route to 192.168.1.0/25: 192.168.1.0/24 is in use here',
    'no route to 10.7.0.2/32: 10.7.0.0/24 is in use here',
  ]);
});

links('what members offer leaves the tunnel itself alone, and is undone at the end', async () => {
  const { mesh, joiner, link, routes, detours, told } = make();
  const { roster } = mesh;
  const subnets = [p('10.8.0.0/16')];
  roster.add([ownProfile(roster, joiner.signer, { subnets }, mesh.now + 9)]);
  await link.follow();
  assert.is(routes().length, 2, 'of the mesh alone');
  assert.equal(detours.at(-1)?.after, {
    routes: subnets,
    mtu: 1280,
    sources: told.at(-1)?.addresses,
  });
  await link.stop();
  assert.equal(detours.at(-1)?.before.routes, subnets);
  assert.equal(detours.at(-1)?.after.routes, []);
});

links('a proven MTU goes with its member', async () => {
  const { mesh, joiner, link, mtus } = make();
  const { roster, founder } = mesh;
  await link.follow();
  const addresses = roster.member(joiner.node)!.addresses.map(formatPrefix);
  link.raise(joiner.node, 1400);
  await link.settled();
  assert.equal(
    mtus.splice(0),
    addresses.map((one) => `${one} 1400`),
  );
  await link.follow();
  assert.equal(mtus, []);
  const revoked = revokeNode(roster, founder.signer, joiner.node, mesh.now + 1, mesh.random)!;
  roster.add(revoked.statements);
  await link.follow();
  assert.equal(
    mtus.splice(0),
    addresses.map((one) => `${one} 1280`),
  );
  link.raise(joiner.node, 1400);
  await link.settled();
  assert.equal(mtus, []);
});

links('what fails is logged, kills nobody, and is tried again', async () => {
  const { link, joiner, broken, logged, told } = make();
  broken.error = new Error('`ip` gave up');
  await link.follow();
  link.raise(joiner.node, 1400);
  await link.settled();
  assert.equal(logged, ['`ip` gave up', '`ip` gave up']);
  broken.error = undefined;
  await link.follow();
  assert.is(told.length, 1);
});

links.run();
