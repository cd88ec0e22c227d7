// slow: moves 8 GB through the tunnel four times over
// deadline: 1200
// needs: iperf3, ncat, iptables, wireguard-tools, iputils-ping, tun
//
// WireGuard's own test script, tests/netns.sh of wireguard-go, unchanged, against `kith wg`.
//
// It is not ours to carry along, so it comes from the source package of Debian 13 (by apt-helper,
// from the mirrors this machine uses), is kept in test/.cache, and is known by its checksum.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { start } from './daemon.js';
import { Lab } from './namespaces.js';
import { KITH } from './node.js';
import { kill, startTime } from './owner.js';

const CACHE = join(import.meta.dirname, '../.cache');
const FILE = 'wireguard-go_0.0.20231211.orig.tar.gz';
const SHA256 = 'b60cc17bfe55869628a83a377a1f5637667af7b2f3158f35bdd1f3d7fbeff794';
const MEMBER = 'wireguard-go-0.0.20231211/tests/netns.sh';
const APT_HELPER = '/usr/lib/apt/apt-helper';
const MESSAGE_COST = '/proc/sys/net/core/message_cost'; // the script sets it to 0 meanwhile
const SCRIPT_MS = 1_100_000;

/** LAB_KITH="wireguard-go" runs the script against another program: is it this machine? */
const PROGRAM = process.env.LAB_KITH ?? `${process.execPath} ${KITH} wg`;

const netns = suite('lab/netns');

function fetchArchive(): string {
  mkdirSync(CACHE, { recursive: true });
  const archive = join(CACHE, FILE);
  if (!existsSync(archive)) download(archive);
  const hash = createHash('sha256').update(readFileSync(archive)).digest('hex');
  assert.is(hash, SHA256, `${archive} is another file: delete it`);
  return archive;
}

function download(archive: string): void {
  const format = ['indextargets', '--format', '$(REPO_URI)'];
  const { stdout } = spawnSync('apt-get', format, { encoding: 'utf8' });
  const mirrors = [...new Set((stdout ?? '').split('\n').filter((uri) => uri !== ''))];
  const failures: string[] = [];
  for (const mirror of mirrors) {
    const uri = `${mirror}pool/main/w/wireguard-go/${FILE}`;
    const ran = spawnSync(APT_HELPER, ['download-file', uri, archive, `SHA256:${SHA256}`]);
    if (ran.status === 0) return;
    failures.push(`${uri}: ${ran.stderr ?? ran.error}`);
  }
  throw new Error(`cannot fetch ${FILE}; put it into ${CACHE}\n${failures.join('\n')}`);
}

function extract(lab: Lab): string {
  const script = join(lab.folder, 'netns.sh');
  const options = { maxBuffer: 1_000_000 };
  const { stdout, stderr, status } = spawnSync(
    'tar',
    ['--extract', '--to-stdout', '--file', fetchArchive(), MEMBER],
    options,
  );
  assert.is(status, 0, String(stderr));
  writeFileSync(script, stdout);
  return script;
}

/** What the script leaves where it could not clean up itself. */
function cleanUp(pid: number): void {
  for (const name of [0, 1, 2].map((n) => `wg-test-${pid}-${n}`)) {
    const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
    for (const each of (stdout ?? '').split('\n').map(Number)) {
      const began = each > 0 ? startTime(each) : undefined;
      if (began !== undefined) kill(each, began, 'SIGKILL');
    }
    spawnSync('ip', ['netns', 'delete', name]);
  }
}

netns('the script of WireGuard passes, whole and unchanged', async () => {
  const lab = await Lab.create('netns');
  const cost = readFileSync(MESSAGE_COST, 'utf8');
  for (const name of ['wg0', 'wg1', 'wg2']) {
    const socket = `/var/run/wireguard/${name}.sock`;
    assert.not.ok(existsSync(socket), `the script uses ${name}, and there is ${socket} already`);
  }
  const script = start(['bash', extract(lab), PROGRAM]);
  const interrupted = () => {
    script.kill();
    cleanUp(script.pid);
    writeFileSync(MESSAGE_COST, cost);
  };
  process.once('exit', interrupted);
  try {
    const { code, stdout, stderr } = await script.result(SCRIPT_MS);
    assert.is(code, 0, `${stdout.slice(-6_000)}\n${stderr.slice(-3_000)}`);
    assert.match(stdout, 'Objects that were created were also destroyed.');
    for (const name of ['wg0', 'wg1', 'wg2']) {
      assert.not.ok(existsSync(`/var/run/wireguard/${name}.sock`), `${name} is left`);
    }
    assert.is(readFileSync(MESSAGE_COST, 'utf8'), cost);
  } finally {
    process.off('exit', interrupted);
    interrupted();
    await lab.dispose();
  }
});

netns.run();
