// needs: mosquitto, mosquitto-clients
// serial: it measures memory
// deadline: 180
//
// The whole agent on a broker: `kith up` in a namespace, mosquitto in another.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Status } from '../../../agent/commands/context.js';
import type { Daemon } from '../../lab/daemon.js';
import { Lab } from '../../lab/namespaces.js';
import { kith, PROGRAM } from '../program.js';

const READY_MS = 30_000; // a busy machine
const RSS_MAX = 95 * 1024 * 1024; // what MQTT may bring the agent to
const MESSAGES = 3_000;

const agentOnBroker = suite('control/mqtt/agent');

async function start(lab: Lab, settings: Record<string, string>): Promise<Daemon> {
  const state = join(lab.folder, 'state');
  const values = { 'interface.name': lab.interfaceName('a'), ...settings };
  for (const [path, value] of Object.entries(values)) {
    const { code, stderr } = await kith(['--state', state, 'config', 'set', path, value]);
    assert.is(code, 0, stderr);
  }
  const agent = lab.spawn('a', process.execPath, PROGRAM, 'up', '--state', state);
  await lab.waitFor(() => agent.stdout.includes(' is up: ') || !agent.running, READY_MS, 'agent');
  assert.ok(agent.running, agent.log);
  return agent;
}

async function statusOf(lab: Lab): Promise<Status> {
  const ran = await kith(['--state', join(lab.folder, 'state'), 'status', '--json']);
  return JSON.parse(ran.stdout) as Status;
}

/** Without its broker the agent has one of its own, and goes back when there is one again. */
async function ownBrokerInstead(lab: Lab): Promise<void> {
  const state = join(lab.folder, 'state');
  const set = async (value: string) => {
    const { code, stderr } = await kith(['--state', state, 'config', 'set', 'mqtt.url', value]);
    assert.is(code, 0, stderr);
  };
  await set('null');
  const password = readFileSync(join(state, 'broker.password'), 'utf8').trim();
  const args = ['-h', '127.0.0.1', '-u', 'kith', '-P', password, '-C', '1', '-W', '20'];
  const told = await lab.must('a', 'mosquitto_sub', ...args, '-t', 'kith/+/state');
  assert.is(told.trim(), 'online');
  await set('mqtt://10.55.0.2');
  const back = ['-h', '10.55.0.2', '-C', '1', '-W', '20', '-t', 'kith/+/status', '-R'];
  await lab.must('b', 'mosquitto_sub', ...back); // not a retained one: it is there
}

/** An admin signs, the node does, and what comes back is for the admin alone. */
async function orders(
  lab: Lab,
  root: string,
  hear: (topic: string) => Promise<readonly [string, string]>,
): Promise<void> {
  const run = async (...args: string[]) => {
    const ran = await kith(['--state', join(lab.folder, 'state'), ...args]);
    assert.is(ran.code, 0, ran.stderr);
    return ran.stdout.trim();
  };
  await run('init', '--name', 'cabin');
  const order = await run('sign', 'cabin', 'guest add', '{"name": "phone"}');
  const answer = hear(`${root}/command/result`);
  const topic = `${root}/command/guest-add`;
  const asking = setInterval(
    () => void lab.run('b', 'mosquitto_pub', '-h', '10.55.0.2', '-t', topic, '-m', order),
    500,
  );
  const { ok, sealed, result, error } = JSON.parse((await answer)[1]);
  clearInterval(asking);
  assert.is(ok, true, error);
  assert.is(result, undefined);
  assert.match(await run('unseal', sealed), /PrivateKey = /);
}

agentOnBroker('on mosquitto: driven, within its memory, gone when it goes', async () => {
  const lab = await Lab.create('mqtt');
  try {
    for (const label of ['a', 'b']) await lab.namespace(label);
    await lab.connect('a', 'b', { addresses: [['10.55.0.1/24'], ['10.55.0.2/24']] });
    const conf = join(lab.folder, 'mosquitto.conf');
    writeFileSync(conf, 'user root\nlistener 1883 10.55.0.2\nallow_anonymous true\n');
    lab.spawn('b', 'mosquitto', '-c', conf);
    const agent = await start(lab, {
      'mqtt.url': 'mqtt://10.55.0.2',
      endpoint: '10.55.0.1',
      'mqtt.intervalSeconds': '2',
    });
    const broker = ['-h', '10.55.0.2'];
    const hear = async (topic: string) => {
      const args = [...broker, '-t', topic, '-C', '1', '-W', '20', '-F', '%t %p'];
      const text = (await lab.must('b', 'mosquitto_sub', ...args)).trim();
      return [text.slice(0, text.indexOf(' ')), text.slice(text.indexOf(' ') + 1)] as const;
    };
    const [topic, state] = await hear('kith/+/state');
    assert.is(state, 'online');
    const root = topic.replace(/\/state$/, '');
    const told = JSON.parse((await hear(`${root}/status`))[1]);
    assert.is(told.publicKey, (await statusOf(lab)).publicKey);
    const result = hear(`${root}/config/result`);
    const set = ['-t', `${root}/config/set`, '-m', '{"name": "by-mqtt"}'];
    // mosquitto_sub says nothing when it has subscribed: ask until it heard.
    const asking = setInterval(() => void lab.run('b', 'mosquitto_pub', ...broker, ...set), 500);
    assert.is(JSON.parse((await result)[1]).ok, true);
    clearInterval(asking);
    assert.is((await statusOf(lab)).name, 'by-mqtt');

    const before = (await statusOf(lab)).memory.rss;
    const send = `mosquitto_pub -h 10.55.0.2 -t ${root}/command/status -l -q 1`;
    await lab.must('b', 'sh', '-c', `yes '{}' | head -${MESSAGES} | ${send}`);
    const { rss } = (await statusOf(lab)).memory;
    assert.ok(rss < RSS_MAX, `${before / 2 ** 20} MiB before, ${rss / 2 ** 20} MiB after`);

    await orders(lab, root, hear);
    await ownBrokerInstead(lab);
    agent.signal('SIGTERM');
    assert.is(await agent.exited, 0, agent.log);
    assert.is((await hear(`${root}/state`))[1], 'offline');
  } finally {
    await lab.dispose();
  }
});

agentOnBroker('without a broker: its own, with the password from its file', async () => {
  const lab = await Lab.create('ownbroker');
  try {
    await lab.namespace('a');
    const agent = await start(lab, {});
    const password = readFileSync(join(lab.folder, 'state/broker.password'), 'utf8').trim();
    assert.match(password, /^[a-z2-9]{20}$/);
    const args = ['-h', '127.0.0.1', '-t', 'kith/+/status', '-C', '1', '-W', '20'];
    const login = ['-u', 'kith', '-P', password];
    const told = await lab.must('a', 'mosquitto_sub', ...args, ...login);
    assert.is(JSON.parse(told).pid, (await statusOf(lab)).pid);
    const wrong = await lab.run('a', 'mosquitto_sub', ...args, '-u', 'kith', '-P', 'x');
    assert.match(wrong.stderr, /refused|not authorised|bad user/i);
    const { rss } = (await statusOf(lab)).memory;
    assert.ok(rss < RSS_MAX, `${rss / 2 ** 20} MiB`);
    agent.signal('SIGTERM');
    assert.is(await agent.exited, 0, agent.log);
  } finally {
    await lab.dispose();
  }
});

agentOnBroker.run();
