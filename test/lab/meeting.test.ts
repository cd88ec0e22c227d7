// deadline: 240
// needs: tun, iputils-ping, nftables, mosquitto
// Members that no tracker brings together: on one LAN by multicast DNS, and behind two NATs by
// sealed records on a broker that then dies.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Agent } from './agents.js';
import { Lab } from './namespaces.js';
import { makeInternet } from './nat.js';

const meeting = suite('lab/meeting');

meeting('on one LAN, when the node that let both in is gone', async () => {
  const lab = await Lab.create('lan');
  try {
    await lab.namespace('switch');
    await lab.must('switch', 'ip', 'link', 'add', 'br0', 'type', 'bridge');
    await lab.must('switch', 'ip', 'link', 'set', 'br0', 'up');
    const agents: Agent[] = [];
    for (const [i, label] of ['anna', 'ben', 'cleo'].entries()) {
      await lab.namespace(label);
      const names = ['eth0', `port${i}`] as const;
      const addresses = [[`192.168.7.${i + 1}/24`], []] as const;
      await lab.connect(label, 'switch', { names, addresses });
      await lab.must('switch', 'ip', 'link', 'set', `port${i}`, 'master', 'br0');
      await lab.must(label, 'ip', 'route', 'add', 'default', 'via', '192.168.7.254');
      agents.push(new Agent(lab, label));
    }
    const [anna, ben, cleo] = agents as [Agent, Agent, Agent];
    await anna.must(['init', '--name', 'anna']);
    await anna.up();
    for (const agent of [ben, cleo]) {
      await agent.must(['join', '-'], await anna.invite(agent.label));
      await agent.up('mesh.discovery.remember=false');
    }
    await lab.waitFor(() => ben.hasPeer('cleo'), 10_000, 'cleo in the roster of ben');
    await new Promise((resolve) => setTimeout(resolve, 2_000)); // until that is written
    await anna.daemon?.kill();
    await ben.daemon?.kill();
    await cleo.daemon?.kill();
    await Promise.all([ben.up(), cleo.up()]); // nothing remembered, nobody to ask
    const first = await ben.ping(await cleo.address(), 10);
    assert.ok(first >= 0, 'they find each other');
    assert.is((await ben.peer('cleo')).path.class, 'direct');
  } finally {
    await lab.dispose();
  }
});

meeting('by a broker, which then dies', async () => {
  const { lab, internet } = await makeInternet('broker');
  try {
    const hubHome = await internet.addHome('hub', 'public');
    await internet.addHome('anna', 'port-restricted');
    await internet.addHome('ben', 'port-restricted');
    const conf = join(lab.folder, 'mosquitto.conf');
    writeFileSync(conf, 'listener 1883 0.0.0.0\nallow_anonymous true\n');
    const broker = lab.spawn('hub', 'mosquitto', '-c', conf);
    const agents = ['hub', 'anna', 'ben'].map((label) => new Agent(lab, label));
    const [hub, anna, ben] = agents as [Agent, Agent, Agent];
    await hub.must(['init', '--name', 'hub']);
    await hub.up();
    const settings = [
      'mesh.portMapping=false',
      'mesh.discovery.lan=false',
      'mesh.discovery.mqtt=true',
      'mesh.discovery.remember=false',
      `mqtt.url=mqtt://${hubHome.address}:1883`,
    ];
    for (const agent of [anna, ben]) {
      await agent.must(['join', '-'], await hub.invite(agent.label));
      await agent.up(...settings);
    }
    await lab.waitFor(() => anna.hasPeer('ben'), 10_000, 'ben in the roster of anna');
    await lab.waitFor(() => ben.hasPeer('anna'), 10_000, 'anna in the roster of ben');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await hub.daemon?.kill();
    await anna.daemon?.kill();
    await ben.daemon?.kill();
    await Promise.all([anna.up(...settings), ben.up(...settings)]);
    const address = await ben.address();
    await lab.waitFor(async () => (await anna.ping(address, 2)) >= 0, 20_000, 'a way to ben');
    assert.is((await anna.peer('ben')).path.class, 'direct');
    await broker.kill();
    for (let i = 0; i < 5; i++) assert.ok((await anna.ping(address, 2)) >= 0, `ping ${i}`);
  } finally {
    await lab.dispose();
  }
});

meeting.run();
