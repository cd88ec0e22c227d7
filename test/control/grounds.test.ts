// The agent under a supervisor that listens, in a namespace of its own: it says that it is well
// while it is, and no more when it is not. And `kith doctor` there, and a rehearsal.
// slow: an agent is watched in real time

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Status } from '../../agent/commands/context.js';
import type { Diagnosis } from '../../agent/commands/doctor.js';
import { checkConfig } from '../../agent/config/validate.js';
import { Grounds } from '../../agent/control/grounds.js';
import type { Hands } from '../../board/board.js';
import { OpenWrt } from '../../board/openwrt.js';
import { commandLines } from '../../board/step.js';
import { Lab } from '../lab/namespaces.js';
import { PROGRAM } from './program.js';

const READY_MS = 20_000; // a busy machine
const QUIET_MS = 1_500;

const grounds = suite('control/grounds');

/** A machine that writes down what is done to it, under an agent whose status can be set. */
function ground(name: string, led: string | null) {
  const done: string[] = [];
  const status = { name: 'cabin', listen: { port: 4000 }, peers: [] as object[] };
  const checked = checkConfig({
    version: 1,
    name: 'cabin',
    interface: { name },
    board: { led },
  });
  if (!('config' in checked)) throw new Error('configuration');
  const hands: Hands = {
    look: (path) => (path.endsWith('/trigger') ? '[mmc0] timer' : '1'),
    perform: async (actions) => {
      done.push(...actions.flatMap(commandLines));
      return ['a remark'];
    },
  };
  const log: string[] = [];
  const it = new Grounds({
    config: checked.config,
    socketPath: '/nowhere',
    status: () => status as unknown as Status,
    log: (level, line) => log.push(`${level}: ${line}`),
    board: new OpenWrt('', ''),
    hands,
  });
  return { it, done, status, log };
}

grounds('the firewall follows the port, the LED the peers, and what can be undone is', async () => {
  const name = `kg${process.pid}`;
  const { it, done, status, log } = ground(name, 'ACT');
  const leds = () => done.filter((line) => line.includes('leds')).map((line) => line.slice(5));
  await it.start();
  assert.ok(done.includes('uci set firewall.kith_port.dest_port=4000'));
  assert.ok(done.includes(`uci add_list firewall.kith.device=${name}`));
  assert.equal(leds(), ['timer > /sys/class/leds/ACT/trigger']);
  assert.ok(log.includes('info: a remark'));
  done.length = 0;
  await it.follow();
  assert.equal(done, [], 'the same port');
  status.listen.port = 5000;
  await it.follow();
  assert.ok(done.includes('uci set firewall.kith_port.dest_port=5000'));
  done.length = 0;
  await it.stop();
  assert.equal(done, [
    'echo 1 > /sys/class/leds/ACT/brightness',
    'echo mmc0 > /sys/class/leds/ACT/trigger',
    'ubus -t 5 call network.interface.kith down',
  ]);
});

grounds('what a crash left is put right before anything else', async () => {
  const name = `kc${process.pid}`;
  await ground(name, 'ACT').it.start();
  const { it, done } = ground(name, null);
  await it.sweep();
  assert.equal(done.length, 3, done.join());
  await it.sweep();
  assert.equal(done.length, 3, 'once');
  assert.match((await it.examine()) ?? '', new RegExp(`^there is no interface ${name}$`));
  await it.stop();
});

grounds('well, not well, well again; and the doctor in the agent', async () => {
  const lab = await Lab.create('grounds');
  try {
    await lab.namespace('a');
    const state = join(lab.folder, 'state');
    const path = join(lab.folder, 'notify');
    const link = lab.interfaceName('a');
    const heard = lab.spawn(null, 'socat', '-u', `UNIX-RECV:${path}`, '-');
    await lab.waitFor(() => existsSync(path), READY_MS, 'listener');
    const env = ['env', `NOTIFY_SOCKET=${path}`, 'WATCHDOG_USEC=900000'];
    const kith = (...args: string[]) => [process.execPath, PROGRAM, '--state', state, ...args];
    const set = ['--set', `interface.name=${link}`];
    const agent = lab.spawn('a', ...env, ...kith('up', ...set));
    const words = () => heard.stdout.split('WATCHDOG=1').length - 1;
    await lab.waitFor(() => heard.stdout.includes('READY=1'), READY_MS, `READY: ${agent.log}`);
    await lab.waitFor(() => words() > 1, READY_MS, 'words');

    const asked = await lab.run('a', ...kith('doctor', '--json', '--all'));
    const { findings } = JSON.parse(asked.stdout) as Diagnosis;
    const found = (check: string) => findings.find((one) => one.check === check);
    assert.is(found('port')?.what, 'UDP port 51820 is ours');
    assert.is(found('uplink')?.level, 'missing');
    assert.is(asked.code, 1, 'something is missing');

    await lab.must('a', 'ip', 'link', 'set', link, 'down');
    await lab.waitFor(() => agent.log.includes('not well: '), READY_MS, 'complaint');
    const before = words();
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    assert.ok(words() <= before + 1, 'it is silent while it is not well');
    await lab.must('a', 'ip', 'link', 'set', link, 'up');
    await lab.waitFor(() => words() > before + 1, READY_MS, 'a word after it');
    agent.signal('SIGTERM');
    await lab.waitFor(() => heard.stdout.includes('STOPPING=1'), READY_MS, 'the last word');
    await agent.exited;
  } finally {
    await lab.dispose();
  }
});

grounds('a rehearsal names every address and route, and does nothing', async () => {
  const lab = await Lab.create('rehearse');
  try {
    await lab.namespace('a');
    const state = join(lab.folder, 'state');
    mkdirSync(state, { mode: 0o700 });
    const config = {
      version: 1,
      name: 'cabin',
      interface: { name: lab.interfaceName('a'), addresses: ['10.7.0.1/24'] },
      peers: [
        {
          name: 'phone',
          publicKey: 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=',
          allowedIps: ['10.7.0.2/32', '192.168.7.0/24'],
        },
      ],
    };
    writeFileSync(join(state, 'kith.json'), JSON.stringify(config), { mode: 0o600 });
    const up = [process.execPath, PROGRAM, '--state', state, 'up', '--rehearse'];
    const { code, stdout, stderr } = await lab.run('a', ...up);
    assert.is(stderr, '');
    assert.is(code, 0);
    const commands = stdout.split('\n').filter((line) => !/^(#|$)/.test(line));
    const { name } = config.interface;
    assert.equal(commands, [
      `ip tuntap add dev ${name} mode tun`,
      `ip link set dev ${name} mtu 1420`,
      `ip address replace 10.7.0.1/24 dev ${name}`,
      `ip link set dev ${name} up`,
      `ip route add 192.168.7.0/24 dev ${name}`,
      `ip link del dev ${name}`,
    ]);
    assert.equal(readdirSync(state), ['kith.json'], 'not even a key was made');
    assert.is((await lab.run('a', 'ip', 'link', 'show', name)).code, 1);
    for (const line of commands) await lab.must('a', ...line.split(' ')); // they are commands
    const blocked = await lab.must('a', 'ip', 'tuntap', 'add', 'dev', name, 'mode', 'tun');
    assert.is(blocked, '');
    const refused = await lab.run('a', ...up);
    assert.is(refused.code, 1);
    assert.match(refused.stdout, new RegExp(`# It would not start: .*${name} already`));
  } finally {
    await lab.dispose();
  }
});

grounds.run();
