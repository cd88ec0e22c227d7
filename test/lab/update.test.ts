// slow: releases are on trial for seconds, and broken ones take their time to come back
// waits: for trials of releases that do nothing else
// deadline: 400
// needs: tun, iputils-ping, nftables, busybox-static
// Routers that update one another: the launcher, real agents, a real web server.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from './namespaces.js';
import { BROKEN, packRelease, Router } from './router.js';

const updates = suite('lab/update');

let lab: Lab;
let routers: Router[];
let site: string; // what the web server serves
let key: string;

const WEB = 'http://198.51.100.1:8080';

async function sign(version: string, ...flags: string[]): Promise<void> {
  const [anna] = routers as [Router];
  await anna.must(['update', 'sign', site, version, '--key', key, ...flags]);
}

async function set(router: Router, path: string, value: string): Promise<void> {
  await router.must(['config', 'set', path, value]);
}

updates.before(async () => {
  lab = await Lab.create('update');
  const labels = ['anna', 'ben', 'cleo'];
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
  routers = labels.map((label) => new Router(lab, label));
  site = join(lab.folder, 'site');
  mkdirSync(site);
  key = join(lab.folder, 'publisher.key');
  lab.spawn('anna', 'busybox', 'httpd', '-f', '-p', '198.51.100.1:8080', '-h', site);
  const [anna, ben, cleo] = routers as [Router, Router, Router];
  for (const router of routers) router.install('0.1.0');
  const publicKey = (await anna.must(['update', 'key', key])).trim();
  await anna.must(['init', '--name', 'anna']);
  for (const router of routers) {
    await set(router, 'update.keys', publicKey);
    await set(router, 'update.trialSeconds', '40');
    await set(router, 'dashboard.enabled', 'false');
  }
  await anna.start();
  for (const router of [ben, cleo]) {
    const word = await anna.invite(router.label);
    await router.must(['join', '-'], `${word}\n`);
    await router.start();
  }
});

updates.after(() => lab.dispose());

updates(
  'a release for the first, from the web; the others follow it, from one another',
  async () => {
    const [anna, ben, cleo] = routers as [Router, Router, Router];
    for (const router of routers) await set(router, 'update.automatic', 'apply');
    await set(ben, 'update.after', 'anna');
    await set(cleo, 'update.after', 'ben');
    await set(anna, 'update.url', WEB);
    packRelease(site, '0.2.0');
    await sign('0.2.0', '--notes', 'Ships faster.');
    const looked = JSON.parse(await anna.must(['update', 'check', '--json']));
    assert.is(looked.latest, '0.2.0');
    assert.is(looked.notes, 'Ships faster.');
    await ben.must(['update', 'check']);
    await lab.waitFor(
      async () => (await ben.update()).state === 'waiting' || (await ben.update()).latest === null,
      20_000,
      'ben waits',
    );
    assert.is((await ben.update()).installed, '0.1.0');
    await anna.confirmed('0.2.0', 60_000);
    assert.match(anna.log, /0\.2\.0 is confirmed: it is well, and (ben|cleo) reached it/);
    const check = (router: Router) => () => router.run(['update', 'check']);
    await ben.confirmed('0.2.0', 90_000, check(ben));
    await cleo.confirmed('0.2.0', 90_000, check(cleo));
    const order = await Promise.all(routers.map(async (one) => (await one.status()).version));
    assert.equal(order, ['0.2.0', '0.2.0', '0.2.0']);
    assert.ok((await cleo.ping(await anna.address())) >= 0);
  },
);

updates('refused: another key, an older release, an altered archive', async () => {
  const [anna] = routers as [Router];
  const announce = (file: string) =>
    anna.run(['update', 'announce', '-'], readFileSync(file).toString('base64'));
  const other = join(lab.folder, 'other.key');
  await anna.must(['update', 'key', other]);
  packRelease(site, '0.9.0');
  await anna.must(['update', 'sign', site, '0.9.0', '--key', other, '--channel', 'other']);
  const stranger = await announce(join(site, 'other.manifest'));
  assert.match(stranger.stderr, /publisher is none of update\.keys/);
  packRelease(site, '0.1.9');
  await sign('0.1.9');
  await anna.must(['update', 'check']);
  assert.match(await anna.must(['log']), /0\.1\.9 is older than 0\.2\.0/);
  await sign('0.9.0');
  const archive = join(site, 'kith-0.9.0-any.tar.gz');
  const bytes = readFileSync(archive);
  bytes[300_000] = (bytes[300_000] ?? 0) ^ 1;
  writeFileSync(archive, bytes);
  await anna.must(['update', 'check']);
  await lab.waitFor(
    async () => /is altered at byte 262144/.test((await anna.update()).reason ?? ''),
    20_000,
    'the altered chunk is noticed',
  );
  assert.is((await anna.update()).installed, '0.2.0');
});

for (const [name, program] of Object.entries(BROKEN))
  updates(`a broken release that ${name} takes itself back`, async () => {
    const [anna, ben] = routers as [Router, Router];
    const version = `1.${Object.keys(BROKEN).indexOf(name)}.0`;
    await lab.nft(
      'anna',
      'table inet shut { chain input { type filter hook input priority 0; udp dport 9 drop; }; }',
    );
    await set(anna, 'update.trialSeconds', '15');
    for (const router of routers.slice(1)) await set(router, 'update.automatic', 'off');
    const config = readFileSync(join(anna.state, 'kith.json'), 'utf8');
    packRelease(site, version, program);
    await sign(version);
    await anna.must(['update', 'check']);
    const back = async () => {
      const { installed, latest, state } = await anna.update();
      return installed === '0.2.0' && latest === version && state === 'rolled-back';
    };
    await lab.waitFor(back, 90_000, `${version} is rolled back\n${anna.log}`);
    assert.ok((await ben.ping(await anna.address(), 20)) >= 0, 'ben reaches anna');
    assert.is(readFileSync(join(anna.state, 'kith.json'), 'utf8'), config);
    const { reason } = await anna.update();
    console.log(`${name}: ${reason}`);
    // On a busy machine the launcher's watch, which began earlier, may be the first to say it.
    const unreachable = /reached it from outside|not confirmed in time/;
    const reasons = { ends: /3 times/, unreachable, crashes: /3 times/ };
    assert.match(reason ?? '', reasons[name as keyof typeof reasons]);
  });

updates('killed again and again during an update, it gets there', async () => {
  const [, ben] = routers as [Router, Router];
  packRelease(site, '2.0.0');
  await sign('2.0.0');
  await set(ben, 'update.after', 'null');
  await set(ben, 'update.url', WEB);
  await set(ben, 'update.automatic', 'apply');
  ben.run(['update', 'check']).catch(() => {});
  for (const ms of [150, 400, 700, 1_000]) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    await ben.kill();
    await lab.waitFor(() => ben.isUp(), 20_000, `ben is up again\n${ben.log}`);
    if ((await ben.update()).installed !== '2.0.0') ben.run(['update', 'check']).catch(() => {});
    else break;
  }
  await ben.confirmed('2.0.0', 90_000, () => ben.run(['update', 'apply']));
});

updates('by hand: applied, and back to the one before', async () => {
  const [, ben, cleo] = routers as [Router, Router, Router];
  await ben.must(['update', 'rollback']);
  await ben.confirmed('0.2.0', 60_000);
  const view = await ben.update();
  assert.equal([view.state, view.reason], ['rolled-back', 'its owner went back']);
  await ben.must(['update', 'apply']);
  await ben.confirmed('2.0.0', 60_000);
  assert.match((await cleo.run(['update', 'confirm'])).stderr, /no release is on trial/);
});

updates.run();
