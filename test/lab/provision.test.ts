// deadline: 180
// slow: routers whose uplink comes late
// needs: tun, socat, iputils-ping
// `kith flash provision` at the far end of a cable with real agents: factory-fresh routers, one
// after the other on one port, until both are in the mesh.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Agent } from './agents.js';
import { Lab } from './namespaces.js';
import { KITH } from './node.js';
import { Cable } from './serial.js';

const provision = suite('lab/provision');

provision(
  'two fresh routers on one port, then one that is taken; settings, PIN, exit codes',
  async () => {
    const lab = await Lab.create('provision');
    try {
      for (const label of ['anna', 'ben', 'carl']) await lab.namespace(label);
      await lab.connect('anna', 'ben', { addresses: [['198.51.100.1/24'], ['198.51.100.2/24']] });
      await lab.connect('anna', 'carl', { addresses: [['203.0.113.1/24'], ['203.0.113.2/24']] });
      const [anna, ben, carl] = ['anna', 'ben', 'carl'].map((label) => new Agent(lab, label)) as [
        Agent,
        Agent,
        Agent,
      ];
      await anna.must(['init', '--name', 'anna']);
      await anna.up();
      const cable = new Cable(lab, 'cable');
      const settings = join(lab.folder, 'settings.json');
      const config = { dashboard: { metrics: true } };
      writeFileSync(settings, JSON.stringify({ version: 1, pin: '2468', config }));

      const flash = ['flash', 'provision', cable.far, '--json', '--state', anna.state];
      const command = [process.execPath, KITH, ...flash, '--settings', settings];
      const tool = lab.spawn('anna', ...command, '--via-agent', '--names', 'ben,carl');
      const lines = () =>
        tool.stdout
          .trim()
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line));
      const reported = (count: number) =>
        lab.waitFor(() => lines().length >= count || !tool.running, 25_000, `${count} lines`);

      await cable.plug(); // only now: the tool waits for its port
      await ben.up(`serial.port=${cable.near}`);
      await reported(1);
      const [first] = lines();
      assert.equal(
        [first.ok, first.name, first.path, first.members],
        [true, 'ben', 'direct to anna', 2],
        tool.log,
      );
      assert.ok((await ben.ping(await anna.address())) >= 0);
      assert.is((await ben.must(['config', 'get', 'dashboard.metrics'])).trim(), 'true');
      assert.is((await ben.must(['config', 'get', 'serial.pinFile'])).trim(), 'console.pin');

      await ben.daemon?.stop();
      const up = lab.waitFor(
        () => /nobody answered at .*; trying again/.test(tool.log),
        40_000,
        'try',
      );
      await carl.up(`serial.port=${cable.near}`); // the cable goes into the next one
      await up; // its uplink comes late
      await lab.must('carl', 'ip', 'route', 'add', 'default', 'via', '203.0.113.1');
      await reported(3);
      const [, second, last] = lines();
      assert.equal([second?.ok, second?.name], [true, 'carl'], tool.log);
      assert.equal(last, { done: true, ok: 2, failed: 0, total: 2 });
      assert.equal((await tool.result(5_000)).code, 0);
      assert.not.match(tool.log.replace(/^\$.*/m, ''), /2468|kith1[a-z0-9]{9}/);

      await refusals(lab, anna, cable);
    } finally {
      await lab.dispose();
    }
  },
);

/** carl hangs on the cable: he wants his PIN, and then is in a mesh already. */
async function refusals(lab: Lab, anna: Agent, cable: Cable): Promise<void> {
  const word = await anna.invite('dora');
  const again = [
    process.execPath,
    KITH,
    'flash',
    'provision',
    cable.far,
    '--invite',
    '-',
    '--wait',
    '2',
  ];
  const without = await lab.runWith('anna', { input: `${word}\n` }, ...again);
  assert.is(without.code, 1);
  assert.match(without.stderr, /asks for the PIN of its console: give it by --login-pin/);
  const pin = join(lab.folder, 'pin');
  writeFileSync(pin, '2468\n');
  const taken = await lab.runWith('anna', { input: `${word}\n` }, ...again, '--login-pin', pin);
  assert.match(taken.stderr, /it is carl, in a mesh already: left as it is/);
  assert.match(taken.stderr, /no router answers on .*\n0 of 1 are in the mesh, 1 attempts failed/);
}

provision.run();
