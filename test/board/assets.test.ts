// The files that packages place beside the program, judged by the tools of those who will read
// them: shellcheck, busybox's shell as OpenWrt has it, systemd.
// needs: systemd

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { temporaryFolder } from '../control/program.js';

const BOARD = join(import.meta.dirname, '../../board');
const OPENWRT = join(BOARD, 'openwrt');
const SCRIPTS = ['kith.init', 'kith.defaults', 'kith.button', 'kith.proto', 'remove.sh'];
const EXPOSURE_MAX = '35'; // of 100, as `systemd-analyze security` counts

function run(command: string, args: readonly string[], env: Record<string, string> = {}) {
  const ran = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 20_000,
  });
  return { code: ran.status, text: `${ran.stdout}${ran.stderr}` };
}

/** A folder with programs that write down how they were called; `uci` answers from a table. */
function router(settings: Record<string, string> = {}) {
  const folder = temporaryFolder();
  const log = join(folder, 'log');
  writeFileSync(log, '');
  const put = (name: string, text: string) => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  const answers = Object.entries(settings).map(([key, value]) => `'${key}') echo '${value}' ;;`);
  const table = `case "$last" in\n${answers.join('\n')}\n*) exit 1 ;;\nesac`;
  put('uci', `echo "uci $*" >> ${log}\nfor last; do :; done\n${table}`);
  for (const name of ['kith', 'logger', 'ubus', 'nft']) put(name, `echo "${name} $*" >> ${log}`);
  const script = (name: string, env: Record<string, string>) => {
    writeFileSync(log, '');
    // what lies at fixed places on a router is looked for here
    const path = join(folder, `${name}.sh`);
    const text = readFileSync(join(OPENWRT, name), 'utf8');
    // A shell that is busybox has `rm` inside: it must find nothing of this machine's.
    const moved = text
      .replaceAll('/etc/init.d/', `${folder}/`)
      .replaceAll(/\/(etc|var\/run)\/kith/g, join(folder, 'state'));
    writeFileSync(path, moved);
    const ran = run('busybox', ['ash', path], { PATH: `${folder}:${process.env.PATH}`, ...env });
    return { ...ran, log: readFileSync(log, 'utf8').trim().split('\n') };
  };
  for (const name of ['firewall', 'dnsmasq']) put(name, `echo "${name} $*" >> ${log}`);
  const password = join(folder, 'state/dashboard.password');
  mkdirSync(join(folder, 'state'));
  return { script, password };
}

const assets = suite('board/assets');

assets('shellcheck has nothing to say', () => {
  const paths = SCRIPTS.map((name) => join(OPENWRT, name));
  const { code, text } = run('shellcheck', ['-s', 'dash', '-e', 'SC3043', ...paths]); // `local`
  assert.is(text, '');
  assert.is(code, 0);
});

assets("busybox's shell reads them", () => {
  for (const name of SCRIPTS) {
    const { code, text } = run('busybox', ['ash', '-n', join(OPENWRT, name)]);
    assert.equal([code, text], [0, ''], name);
  }
});

assets('every file that is placed on a router is one of these', () => {
  const known = [...SCRIPTS, 'kith.config', 'kith.keep'];
  assert.equal(
    readdirSync(OPENWRT).filter((name) => !known.includes(name)),
    [],
  );
});

assets('systemd takes the unit, and finds little that it could do beyond its work', () => {
  const folder = temporaryFolder();
  const unit = join(folder, 'kith.service');
  const program = join(folder, 'launch');
  mkdirSync(folder, { recursive: true });
  copyFileSync('/bin/true', program);
  const text = readFileSync(join(BOARD, 'debian/kith.service'), 'utf8');
  writeFileSync(unit, text.replace('/opt/kith/launch', program));
  // it looks at units of this machine, too, and has remarks about those
  const remarks = run('systemd-analyze', ['verify', unit]).text;
  assert.equal(
    remarks.split('\n').filter((line) => line.includes('kith')),
    [],
  );
  const security = ['security', '--offline=true', `--threshold=${EXPOSURE_MAX}`, unit];
  const { code, text: report } = run('systemd-analyze', security);
  assert.is(code, 0, report);
});

assets('the reset button, held for two to four seconds, lets its owner in again', () => {
  const { script, password } = router({ 'kith.reset.does': 'unlock' });
  const held = (SEEN: string, BUTTON = 'reset', ACTION = 'released') => {
    writeFileSync(password, 'lost');
    const { log } = script('kith.button', { ACTION, BUTTON, SEEN });
    const calls = log.filter((line) => line.startsWith('kith '));
    return [existsSync(password), ...calls];
  };
  const unlocked = [false, 'kith config set serial.pinFile null', 'kith restart'];
  assert.equal(held('2'), unlocked);
  assert.equal(held('4'), unlocked);
  for (const SEEN of ['', '0', '1', '5', '30']) assert.equal(held(SEEN), [true], SEEN);
  assert.equal(held('3', 'wps'), [true], 'a button that is said to do nothing');
  assert.equal(held('3', 'reset', 'pressed'), [true]);
});

assets('removal takes away what is ours, and leaves the rest', () => {
  const { script, password } = router({
    'dhcp.@dnsmasq[0].server': '/lan.example/192.0.2.1 /kith/127.0.0.1#5355',
    'dhcp.@dnsmasq[0].rebind_domain': '/kith/',
  });
  const { code, log } = script('remove.sh', {});
  assert.is(code, 0);
  const changes = log.filter((line) => /uci -q del/.test(line));
  assert.equal(changes, [
    'uci -q delete network.kith',
    'uci -q delete firewall.kith',
    'uci -q delete firewall.kith_lan',
    'uci -q delete firewall.lan_kith',
    'uci -q delete firewall.kith_wan',
    'uci -q delete firewall.kith_port',
    'uci -q del_list dhcp.@dnsmasq[0].server=/kith/127.0.0.1#5355',
    'uci -q del_list dhcp.@dnsmasq[0].rebind_domain=/kith/',
  ]);
  assert.not.ok(existsSync(password), 'what is under /var/run goes');
});

assets.run();
