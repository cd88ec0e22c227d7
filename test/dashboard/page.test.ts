// deadline: 240
// needs: tun, chromium, zbar-tools, socat, tmux, picocom
// serial: a browser and routers want both cores
// slow: starts Chromium and agents four times
// The page in a real Chromium, with real agents on a LAN.
import { spawnSync } from 'node:child_process';
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Agent } from '../lab/agents.js';
import { Lab } from '../lab/namespaces.js';
import { Cable, Window } from '../lab/serial.js';
import { accessOf, Chromium, DESKTOP, PHONE } from './browser.js';

const RSS_MAX = 95 * 1024 * 1024; // what a router has room for
const BYTES_MAX = 60 * 1024; // of the whole page, compressed

const page = suite('dashboard/page');

type Home = Readonly<{ lab: Lab; anna: Agent; ben: Agent; chromium: Chromium; url: string }>;

/** Two routers and a computer on one switch. */
async function atHome(name: string, test: (home: Home) => Promise<void>): Promise<void> {
  const lab = await Lab.create(name);
  try {
    await lab.namespace('switch');
    await lab.must('switch', 'ip', 'link', 'add', 'br0', 'type', 'bridge');
    await lab.must('switch', 'ip', 'link', 'set', 'br0', 'up');
    for (const [i, label] of ['anna', 'ben', 'computer', 'cleo'].entries()) {
      await lab.namespace(label);
      await lab.connect(label, 'switch', {
        names: ['eth0', `port${i}`],
        addresses: [[`192.168.77.${i + 1}/24`], []],
      });
      await lab.must('switch', 'ip', 'link', 'set', `port${i}`, 'master', 'br0');
    }
    const chromium = await Chromium.start(lab, 'computer');
    const [anna, ben] = [new Agent(lab, 'anna'), new Agent(lab, 'ben')];
    await test({ lab, anna, ben, chromium, url: 'http://192.168.77.1:8377/' });
    assert.equal(chromium.complaints, []);
    await chromium.stop();
  } finally {
    await lab.dispose();
  }
}

/** What a phone's camera would read. */
function scanned(picture: string): string {
  const { stdout, stderr } = spawnSync('zbarimg', ['--quiet', '--raw', picture], {
    encoding: 'utf8',
  });
  assert.ok(stdout.length > 0, `no code found: ${stderr}`);
  return stdout.trimEnd();
}

/** So that all faces are there at once: its own broker, the page, the serial console. */
async function withConsole(lab: Lab, agent: Agent): Promise<Window> {
  const cable = new Cable(lab, 'cable');
  await cable.plug();
  await agent.up(`serial.port=${cable.near}`);
  const window = await Window.open(lab, 'picocom', '-q', '-b', '115200', cable.far);
  await window.wake(/Set it up now/);
  return window;
}

/** What it and ben say of each other is drawn as well. */
async function aThird(lab: Lab, anna: Agent, ben: Agent, tab: Page): Promise<void> {
  const cleo = new Agent(lab, 'cleo');
  await cleo.must(['join', '-'], await anna.invite('cleo'));
  await cleo.up();
  assert.ok((await cleo.ping(await ben.address())) >= 0, 'cleo reaches ben');
  await tab.getByRole('link', { name: /^ben: direct.*; reaches cleo/ }).waitFor();
  assert.is(await tab.locator('path.thread.direct').count(), 1);
}

page('a mesh founded, a node invited and a guest added, all by the page', async () => {
  await atHome('dashmesh', async ({ lab, anna, ben, chromium, url }) => {
    const window = await withConsole(lab, anna);
    const { urls, password } = await accessOf(anna);
    assert.ok(urls.includes(url), urls.join(' '));
    const tab = await chromium.enter(url, password, DESKTOP);

    await tab.getByRole('link', { name: 'Add', exact: true }).first().click();
    await tab.getByLabel('Name of this node').fill('anna');
    await tab.getByRole('button', { name: 'Found a mesh' }).click();
    const key = tab.getByLabel('The mesh key');
    await key.waitFor();
    assert.match(await key.inputValue(), /^kith/);

    const invite = tab.locator('section', { hasText: 'Invite a node' });
    await invite.getByLabel('Name', { exact: true }).fill('ben');
    await invite.getByRole('button', { name: 'Make an invite' }).click();
    const word = invite.getByLabel('The invite', { exact: true });
    await word.waitFor();
    const inviteCode = tab.getByRole('img', { name: 'QR code of the invite for ben' });
    const code = scanned(await chromium.picture(inviteCode, 'invite-code'));
    await chromium.picture(tab, 'invite');
    assert.is(code.toLowerCase(), await word.inputValue());
    await ben.must(['join', '-'], code);
    await ben.up();
    assert.ok((await ben.ping(await anna.address())) >= 0, 'ben reaches anna');

    const guest = tab.locator('section', { hasText: 'Add a guest' });
    await guest.getByLabel('Name', { exact: true }).fill('phone');
    await guest.getByRole('button', { name: 'Add the guest' }).click();
    await guest.getByText('this machine has no address to tell').waitFor();
    await guest.getByLabel('Where it finds this node').fill('192.168.77.1');
    await guest.getByRole('button', { name: 'Add the guest' }).click();
    const configuration = guest.getByLabel('The configuration', { exact: true });
    await configuration.waitFor();
    const guestCode = tab.getByRole('img', { name: /configuration for phone/ });
    const text = scanned(await chromium.picture(guestCode, 'guest-code'));
    assert.is(text, (await configuration.inputValue()).trimEnd());
    assert.match(text, /PrivateKey = /);
    await guest.getByRole('button', { name: 'Add the guest' }).click();
    await guest.getByText('there is a peer "phone" already').waitFor();

    // The mesh as a picture, and by the keyboard from there to the peer.
    await tab.getByRole('link', { name: 'Mesh', exact: true }).click();
    const dot = tab.getByRole('link', { name: /^ben: direct/ });
    await dot.waitFor();
    await tab.getByRole('img', { name: /^throughput: receiving/ }).waitFor();
    await aThird(lab, anna, ben, tab);
    await chromium.picture(tab, 'mesh');
    await dot.focus();
    await tab.keyboard.press('Enter');
    const row = tab.getByRole('row', { name: /^ben/ });
    await row.getByText('direct', { exact: true }).waitFor();
    const phone = tab.getByRole('row', { name: /^phone/ });
    await phone.getByText('It has not spoken to this node yet').waitFor();

    await phone.getByRole('button', { name: 'Remove phone' }).click();
    await tab.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await phone.waitFor({ state: 'detached' });
    assert.is(await anna.hasPeer('phone'), false);

    await tab.getByRole('link', { name: 'Log', exact: true }).click();
    await tab.getByText('dashboard: a login').first().waitFor();
    const { rss } = (await anna.status()).memory;
    console.log(`with a page, a broker and a console ${Math.round(rss / 1024 / 1024)} MiB`);
    assert.ok(rss < RSS_MAX, `${rss} bytes`);
    await lab.waitFor(() => !anna.daemon?.log.includes(password), 1, 'a log without the password');
    await window.close();
  });
});

page('settings: problems in their place, saved, kept or taken back', async () => {
  await atHome('dashset', async ({ lab, anna, chromium, url }) => {
    await anna.up();
    const { password } = await accessOf(anna);
    const tab = await chromium.enter(`${url}#settings`, password, DESKTOP);
    const port = tab.locator('[name="listen.port"]');
    const mtu = tab.locator('[name="interface.mtu"]');
    const save = tab.getByRole('button', { name: /^Save/ });
    await port.fill('70000');
    await mtu.fill('much');
    assert.is(await save.textContent(), 'Save 2 changes');
    await save.click();
    await tab.getByText('must be a whole number from 0 to 65535').first().waitFor();
    assert.is(await port.getAttribute('aria-invalid'), 'true');
    const problem = tab.locator('#set-interface-mtu-problem');
    assert.match((await problem.textContent()) ?? '', /must be a whole number from 576 to 65000/);
    await chromium.picture(tab, 'problems');
    assert.is(await anna.must(['config', 'get', 'listen.port']), '51820\n');

    await port.fill('51821');
    await mtu.fill('1400');
    await save.click();
    await tab.getByText('At the next start of the agent: interface.mtu').waitFor();
    assert.is(await port.getAttribute('aria-invalid'), 'false');
    assert.is(await anna.must(['config', 'get', 'listen.port']), '51821\n');

    await tab.getByLabel('take it back after').check();
    await port.fill('51822');
    await save.click();
    await tab.getByRole('button', { name: 'Take it back' }).click();
    await tab.locator('.toast', { hasText: 'taken back' }).waitFor();
    assert.is(await anna.must(['config', 'get', 'listen.port']), '51821\n');

    // Changed elsewhere: the form follows.
    await anna.must(['config', 'set', 'name', 'castle']);
    const name = tab.locator('[name="name"]');
    const renamed = async () => (await name.inputValue()) === 'castle';
    await lab.waitFor(renamed, 10_000, 'the new name in the form');
  });
});

page(
  'without the password nothing is shown; the agent comes back, and so does the page',
  async () => {
    await atHome('dashdoor', async ({ lab, anna, chromium, url }) => {
      await anna.up();
      const { password } = await accessOf(anna);
      const tab = await chromium.open(url, PHONE);
      await tab.getByLabel('Password').fill('password');
      await tab.keyboard.press('Enter');
      await tab.getByText('the password is wrong').waitFor();
      chromium.complaints.length = 0; // Chromium says itself that it was told 401
      await tab.getByLabel('Password').fill(password);
      await tab.keyboard.press('Enter');
      await tab.getByText('connected', { exact: true }).waitFor();
      await tab.reload(); // this tab stays logged in
      await tab.getByText('connected', { exact: true }).waitFor();
      await anna.daemon?.stop();
      await tab.getByText('out of reach').waitFor();
      await anna.up();
      await tab.getByLabel('Password').waitFor({ timeout: 20_000 }); // its logins ended with it
      chromium.complaints.length = 0; // nor that nobody was there
      await lab.must('computer', 'ip', 'link', 'set', 'eth0', 'up');
    });
  },
);

page('every view at every size, and the page is small', async () => {
  await atHome('dashviews', async ({ anna, ben, chromium, url }) => {
    await anna.must(['init', '--name', 'anna']);
    await anna.up();
    await ben.must(['join', '-'], await anna.invite('ben'));
    await ben.up();
    await ben.ping(await anna.address());
    const { password } = await accessOf(anna);
    for (const [size, options] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
      for (const colorScheme of ['light', 'dark'] as const) {
        const tab = await chromium.enter(url, password, { ...options, colorScheme });
        for (const view of ['Mesh', 'Peers', 'Add', 'Settings', 'Log']) {
          await tab.locator('nav').getByRole('link', { name: view }).click();
          await tab.locator('main .card').first().waitFor();
          const wide = await tab.evaluate('document.documentElement.scrollWidth');
          assert.ok(Number(wide) <= options.viewport.width, `${view} on a ${size}: ${wide} wide`);
          await chromium.picture(tab, `${size}-${colorScheme}-${view}`);
        }
        await tab.context().close();
      }
    }
    const tab = await chromium.open(url);
    await tab.getByLabel('Password').waitFor();
    const loaded = '(performance.getEntries().map(({ encodedBodySize = 0 }) => encodedBodySize))';
    const sizes = (await tab.evaluate(loaded)) as number[];
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    console.log(`${bytes} bytes`);
    assert.ok(bytes > 5_000 && bytes < BYTES_MAX, `${bytes} bytes`);
  });
});

page.run();
