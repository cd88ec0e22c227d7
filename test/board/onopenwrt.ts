// What the agent and its package do to OpenWrt, done to a real one: its uci, ubusd, procd, fw4 and
// shell libraries judge it. It needs a root file system of OpenWrt for this machine's processor, to
// which it writes:
//
//     KITH_OPENWRT=/path/of/root npx tsx test/board/onopenwrt.ts
//
// Its programs run in namespaces of their own, and see nothing of this machine's network.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Folder } from '../../agent/control/folder.js';
import { FileStore } from '../../agent/control/store.js';
import { UciMirror } from '../../agent/control/ucimirror.js';
import { realHands } from '../../board/hands.js';
import { OpenWrt } from '../../board/openwrt.js';
import type { RunProgram } from '../../board/program.js';
import type { Step } from '../../board/step.js';
import { temporaryFolder } from '../control/program.js';
import { type Daemon, start } from '../lab/daemon.js';

const ROOT = process.env.KITH_OPENWRT ?? '';
const ASSETS = join(import.meta.dirname, '../../board/openwrt');
const PLACES: Array<[string, string, number]> = [
  ['kith.init', 'etc/init.d/kith', 0o755],
  ['kith.config', 'etc/config/kith', 0o600],
  ['kith.defaults', 'etc/uci-defaults/90-kith', 0o755],
  ['kith.button', 'etc/hotplug.d/button/50-kith', 0o644],
  ['kith.proto', 'lib/netifd/proto/kith.sh', 0o755],
  ['remove.sh', 'lib/kith/remove.sh', 0o755],
];
const AGENT = `#!/bin/sh
echo "$KITH_PROCD $*" > /tmp/launched
trap 'echo HUP >> /tmp/launched' HUP
while :; do sleep 1; done
`;
const BOOT = `mount -t proc proc /proc
mkdir -p /var/run/ubus /var/lock /tmp
ubusd & sleep 0.3
procd & sleep 0.5
echo up
exec sleep 600
`;
const PATIENCE_MS = 10_000;

let router: Daemon;
let pid = '';

/** A command on the router. */
const run: RunProgram = async (command, input = '') => {
  const enter = ['--target', pid, '--mount', '--net', '--pid', '--root', '--wd=/'];
  const ran = spawnSync('nsenter', [...enter, ...command], {
    input,
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  return { code: ran.status, stdout: ran.stdout, stderr: ran.stderr };
};

async function must(...command: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command);
  if (code !== 0) throw new Error(`${command.join(' ')}: ${code}\n${stdout}${stderr}`);
  return stdout;
}

async function until(what: () => boolean | Promise<boolean>, name: string): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !(await what()); ) {
    assert.ok(performance.now() < end, name);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const launched = () => {
  const path = join(ROOT, 'tmp/launched');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
};

async function instance(): Promise<Record<string, unknown> | undefined> {
  const text = await must('ubus', 'call', 'service', 'list', '{"name":"kith"}');
  const { kith } = JSON.parse(text) as {
    kith?: { instances?: { agent?: Record<string, unknown> } };
  };
  return kith?.instances?.agent;
}

const openwrt = suite('board/onopenwrt');

openwrt.before(async () => {
  if (ROOT === '') throw new Error('KITH_OPENWRT names no root file system');
  const put = (path: string, mode: number, text: string) => {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), text);
    chmodSync(join(ROOT, path), mode);
  };
  for (const [source, path, mode] of PLACES) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    copyFileSync(join(ASSETS, source), join(ROOT, path));
    chmodSync(join(ROOT, path), mode);
  }
  put('opt/kith/launch', 0o755, AGENT);
  rmSync(join(ROOT, 'tmp/launched'), { force: true });
  router = start(
    ['unshare', '-m', '-p', '-n', '-f', '--kill-child', 'chroot', ROOT, '/bin/sh', '-c', BOOT],
    {},
  );
  await until(() => router.stdout.includes('up'), 'the router');
  pid = readFileSync(`/proc/${router.pid}/task/${router.pid}/children`, 'utf8').trim();
});

openwrt.after(async () => {
  router.kill();
  await router.exited;
});

openwrt(
  'procd starts the agent, hears that it is well, hands a reload on, and ends it',
  async () => {
    await must('/etc/uci-defaults/90-kith');
    await must('/etc/init.d/kith', 'enable');
    assert.ok(existsSync(join(ROOT, 'etc/rc.d/K10kith')));
    await must('/etc/init.d/kith', 'start');
    await until(() => launched().length > 0, 'a start');
    assert.equal(launched(), ['kith/agent up --state /etc/kith']);
    const { respawn, term_timeout } = (await instance()) ?? {};
    assert.equal(respawn, { threshold: 3600, timeout: 5, retry: 0 });
    assert.is(term_timeout, 20);
    const word = '{"name":"kith","instance":"agent","mode":2,"timeout":180}';
    await must('ubus', '-t', '5', 'call', 'service', 'watchdog', word);
    assert.equal((await instance())?.watchdog, { mode: 2, timeout: 180 });
    await must('/etc/init.d/kith', 'reload');
    await must('uci', 'set', 'kith.main.enabled=0');
    await must('uci', 'commit', 'kith');
    await must('/etc/init.d/kith', 'reload');
    await until(async () => (await instance()) === undefined, 'its end, because it is not enabled');
    await must('uci', 'set', 'kith.main.enabled=1');
    await must('uci', 'commit', 'kith');
  },
);

openwrt('an agent that falls silent is started anew by procd', async () => {
  await must('/etc/init.d/kith', 'start');
  await until(async () => (await instance())?.running === true, 'a start');
  const before = (await instance())?.pid;
  const word = '{"name":"kith","instance":"agent","mode":2,"timeout":1}';
  await must('ubus', 'call', 'service', 'watchdog', word);
  await until(async () => (await instance())?.pid !== before, 'another process');
  await must('/etc/init.d/kith', 'stop');
});

const DNS: Extract<Step, { kind: 'dns' }> = {
  kind: 'dns',
  device: 'kith0',
  domain: 'kith',
  port: 5355,
};
const STEPS: Step[] = [
  { kind: 'port', device: 'kith0', port: 51820 },
  { kind: 'interface', device: 'kith0' },
  DNS,
  { kind: 'button', button: 'wps', does: 'unlock' },
];

openwrt(
  'uci takes the steps, fw4 makes rules of them, and removal leaves all as it was',
  async () => {
    const board = new OpenWrt('', '');
    const exported = async () => must('uci', 'export');
    const before = await exported();
    const actions = STEPS.flatMap((step) => board.render(step, () => undefined)?.apply ?? []);
    const settings = actions.filter((action) => action.do === 'uci');
    const remarks = await realHands(run).perform(settings);
    assert.equal(
      remarks.filter((remark) => remark.includes('uci')),
      [],
    );
    const after = await exported();
    assert.match(after, /config zone 'kith'/);
    assert.match(after, /list server '\/kith\/127\.0\.0\.1#5355'/);
    assert.match(after, /config interface 'kith'\n\toption proto 'kith'\n\toption link 'kith0'/);
    await realHands(run).perform(settings);
    assert.is(await exported(), after, 'a second time changes nothing');
    assert.is(await must('uci', 'changes'), '', 'and leaves nothing to be committed');

    const other = board.render({ ...DNS, port: 5356 }, () => undefined)?.apply ?? [];
    await realHands(run).perform(other);
    const servers = await must('uci', 'get', 'dhcp.@dnsmasq[0].server');
    assert.match(servers, /127\.0\.0\.1#5356/);
    assert.not.match(servers, /5355/);

    const ruleset = await must('fw4', 'print');
    assert.match(ruleset, /iifname "kith0" jump input_kith/);
    assert.match(ruleset, /udp dport 51820 counter accept comment "!fw4: Allow-kith"/);
    assert.match(ruleset, /chain forward_kith {\n\t\tjump accept_to_lan/);
    await must('fw4', 'check');

    await must('/lib/kith/remove.sh');
    await must('uci', 'delete', 'kith.wps');
    await must('uci', 'commit', 'kith');
    assert.is(await exported(), before);
  },
);

openwrt('kith.json and /etc/config/kith follow one another', async () => {
  const folder = new Folder(temporaryFolder());
  const store = new FileStore(folder, (bytes) => new Uint8Array(bytes).fill(7));
  const config = { version: 1, name: 'cabin', interface: { addresses: ['10.7.0.1/24'] } };
  writeFileSync(folder.configPath, JSON.stringify(config));
  const log: string[] = [];
  const mirror = new UciMirror(folder, (_, line) => log.push(line), run);
  await mirror.meet(store);
  assert.is(await must('uci', 'get', 'kith.node.name'), 'cabin\n');
  await must('uci', 'set', 'kith.listen=listen');
  await must('uci', 'set', 'kith.listen.port=4000');
  await must('uci', 'add_list', 'kith.interface.addresses=fd00:7::1/64');
  await must('uci', 'commit', 'kith');
  await mirror.meet(store);
  const { listen, interface: link } = store.read();
  assert.equal([listen.port, link.addresses], [4000, ['10.7.0.1/24', 'fd00:7::1/64']]);
  const text = await must('uci', 'export', 'kith');
  await mirror.meet(store);
  assert.is(await must('uci', 'export', 'kith'), text);
  assert.equal(log, ['taken over from UCI: listen.port, interface.addresses']);
});

openwrt("netifd's library takes the protocol", async () => {
  const text = await must('sh', '-c', 'cd /lib/netifd/proto && ./kith.sh "" dump');
  const { name, config, ...rest } = JSON.parse(text) as Record<string, unknown>;
  assert.equal([name, rest['no-device'], rest.available], ['kith', true, true]);
  assert.equal(config, [['link', 3]]);
});

openwrt.run();
