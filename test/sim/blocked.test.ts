// A node where no UDP gets out any more.
import './standin/register.mjs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SimNode } from './node.js';

const { Village } = await import('./village.js');
const blocked = suite('sim/blocked');

blocked('where no UDP gets out, and two that anybody reaches are silent, a node says so', () => {
  const homes = ['port-restricted', 'port-restricted', 'port-restricted'] as const;
  const village = new Village({ seed: 3, nats: [null, null, ...homes] });
  village.start();
  village.world.run(1_500_000); // both are known to be reachable by then
  const [open, other, shut] = village.alive() as [SimNode, SimNode, SimNode];
  assert.is.not(shut.mesh.view().nat, 'blocked');
  shut.host.site.cut = true;
  for (let i = 0; i < 60; i++) {
    for (const to of [open, other]) village.say(shut, to);
    village.world.run(5_000);
  }
  assert.is(shut.mesh.view().nat, 'blocked');
  assert.is(shut.mesh.path(open.id).reason?.code, 'udp-blocked');
  shut.host.site.cut = false;
  assert.equal(village.allHear([[shut, open]]), []);
  assert.is.not(shut.mesh.view().nat, 'blocked');
});

blocked.run();
