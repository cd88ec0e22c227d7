// deadline: 180
// needs: tun, iputils-ping
// A mesh of real agents on one network: founded, entered by invites, left by revocation.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MeshPath } from '../../agent/commands/context.js';
import { Agent } from './agents.js';
import { Lab } from './namespaces.js';

const mesh = suite('lab/mesh');

/** Machines on one switch, 198.51.100.1 and up. */
async function onOneSwitch(name: string, labels: readonly string[]): Promise<[Lab, Agent[]]> {
  const lab = await Lab.create(name);
  try {
    await lab.namespace('switch');
    await lab.must('switch', 'ip', 'link', 'add', 'br0', 'type', 'bridge');
    await lab.must('switch', 'ip', 'link', 'set', 'br0', 'up');
    for (const [i, label] of labels.entries()) {
      await lab.namespace(label);
      await lab.connect(label, 'switch', {
        names: ['eth0', `port${i}`],
        addresses: [[`198.51.100.${i + 1}/24`], []],
      });
      await lab.must('switch', 'ip', 'link', 'set', `port${i}`, 'master', 'br0');
    }
    return [lab, labels.map((label) => new Agent(lab, label))];
  } catch (error) {
    await lab.dispose();
    throw error;
  }
}

mesh('three nodes: invited, joined, speaking with each other, and one revoked', async () => {
  const [lab, agents] = await onOneSwitch('mesh', ['anna', 'ben', 'cleo']);
  const [anna, ben, cleo] = agents as [Agent, Agent, Agent];
  try {
    await anna.must(['init', '--name', 'anna']);
    await anna.up();
    // Without an agent: the mesh begins with the next start.
    const word = await anna.invite('ben');
    assert.match(word, /^kith1[a-z0-9]+$/);
    assert.match(
      await ben.must(['join', '-'], `${word}\n`),
      /This node is ben now, let in by anna/,
    );
    await ben.up();
    assert.ok((await ben.ping(await anna.address())) >= 0, 'ben reaches anna');
    // With one: at once.
    await cleo.up();
    const second = await anna.invite('cleo');
    const start = performance.now();
    await cleo.must(['join', second.toUpperCase()]);
    console.log(`joined in ${Math.round(performance.now() - start)} ms`);
    assert.ok((await cleo.ping(await anna.address())) >= 0, 'cleo reaches anna');
    assert.ok((await cleo.ping(await ben.address())) >= 0, 'cleo reaches ben');
    await lab.waitFor(() => ben.hasPeer('cleo'), 5_000, 'cleo in the roster of ben');
    const { path } = await cleo.peer('ben');
    assert.is(path.class, 'direct');
    assert.is(path.reason, null);

    // Who reaches whom, as the others say; one that was never asked knows of it.
    const seen = async () => {
      const { mesh: paths } = JSON.parse(await anna.must(['paths', '--mesh', '--json']));
      return paths.some(
        (one: MeshPath) => one.from === 'ben' && one.to === 'cleo' && one.class === 'direct',
      );
    };
    await lab.waitFor(seen, 10_000, 'anna sees that ben reaches cleo');
    assert.match(await anna.must(['paths', '--mesh']), /^ben +cleo +direct +[\d.]+ ms$/m);

    // Another name: by an admin, and the node follows.
    const refused = await ben.run(['config', 'set', 'name', 'benno']);
    assert.match(refused.stderr, /on anna: kith rename ben benno/);
    await anna.must(['rename', 'ben', 'benno']);
    await lab.waitFor(async () => (await ben.status()).name === 'benno', 5_000, 'ben is benno');
    assert.is((await ben.must(['config', 'get', 'name'])).trim(), 'benno');
    await anna.must(['rename', 'benno', 'ben']);

    // Another port: the others find it there, without anybody asking.
    await ben.must(['config', 'set', 'listen.port', '51999']);
    assert.ok((await ben.ping(await anna.address())) >= 0, 'ben reaches anna from another port');
    const moved = async () => (await anna.peer('ben')).endpoint === '198.51.100.2:51999';
    await lab.waitFor(moved, 10_000, 'anna follows ben');

    const cleosAddress = await cleo.address();
    await anna.must(['revoke', 'cleo']);
    const revoked = performance.now();
    await lab.waitFor(async () => !(await ben.hasPeer('cleo')), 5_000, 'ben drops cleo');
    console.log(`revoked everywhere in ${Math.round(performance.now() - revoked)} ms`);
    assert.is(await ben.ping(cleosAddress, 1), -1);
    assert.is(await cleo.ping(await ben.address(), 1), -1);
  } finally {
    await lab.dispose();
  }
});

mesh('three that join at once, and one of whom another has not heard', async () => {
  const labels = ['anna', 'ben', 'cleo', 'dora'];
  const [lab, agents] = await onOneSwitch('newcomer', labels);
  const [anna, ben, cleo, dora] = agents as [Agent, Agent, Agent, Agent];
  try {
    await anna.must(['init', '--name', 'anna']);
    await anna.up();
    const joiners = [ben, cleo, dora];
    const words = await Promise.all(joiners.map(({ label }) => anna.invite(label)));
    const start = performance.now();
    const times = joiners.map(async (agent, i) => {
      await agent.must(['join', '-'], words[i]);
      return Math.round(performance.now() - start);
    });
    const took = await Promise.all(times);
    console.log(`joined at once in ${took.join(', ')} ms`);
    assert.ok(Math.max(...took) < 3_000, took.join());

    // Ben has heard of none but anna, who is gone when he comes: dora shows him her chain.
    await dora.up();
    await lab.waitFor(() => dora.hasPeer('ben'), 10_000, 'ben in the roster of dora');
    await anna.daemon?.kill();
    await ben.up();
    assert.ok((await dora.ping(await ben.address(), 15)) >= 0, 'dora reaches ben');
    assert.ok(await ben.hasPeer('dora'));
  } finally {
    await lab.dispose();
  }
});

mesh('what cannot be let in is told why', async () => {
  const [lab, agents] = await onOneSwitch('refused', ['anna', 'ben', 'cleo']);
  const [anna, ben, cleo] = agents as [Agent, Agent, Agent];
  const refused = async (agent: Agent, word: string, why: RegExp) => {
    const { code, stderr } = await agent.run(['join', '-'], word);
    assert.is(code, 1);
    assert.match(stderr, why);
  };
  try {
    await anna.must(['init', '--name', 'anna']);
    await anna.up();
    const used = await anna.invite('ben');
    await ben.must(['join', '-'], used);
    await refused(ben, used, /belongs to a mesh already/);
    await refused(cleo, used, /has been used by another device/);
    const altered = used.replace(/.$/, (last) => (last === 'q' ? 'p' : 'q'));
    await refused(cleo, altered, /letter|mistyped|altered/i);
    await refused(cleo, used.slice(0, -20), /cut off|incomplete|letter|short/i);
    await refused(cleo, 'hello', /invite|kith1/);
    const revoked = await anna.invite('dora');
    await anna.must(['revoke', 'dora']);
    await refused(cleo, revoked, /revoked/);
    const short = await anna.invite('emil', '--ttl', '2s');
    await new Promise((resolve) => setTimeout(resolve, 4_100));
    await refused(cleo, short, /expired/);
    const again = await anna.run(['invite', 'ben']);
    assert.match(again.stderr, /there is a member "ben" already/);
    const notAdmin = await ben.run(['invite', 'finn']);
    assert.match(notAdmin.stderr, /no admin of the mesh; anna is/);
  } finally {
    await lab.dispose();
  }
});

mesh.run();
