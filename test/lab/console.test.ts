// deadline: 240
// slow: three terminal programs, one after the other
// needs: tun, iputils-ping, socat, tmux, picocom, minicom, screen
// The serial console of a real agent, with the terminal programs that people have.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { SerialPort } from 'serialport';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Cbor, decode, encode } from '../../agent/bytes/cbor.js';
import { encodeSlip, SlipReader } from '../../agent/control/console/slip.js';
import { Agent } from './agents.js';
import { Lab } from './namespaces.js';
import { Cable, Window } from './serial.js';

const RSS_MAX = 95 * 2 ** 20;
const KEYS_MAX = 60; // two minutes of somebody who looks for each key

const consoles = suite('lab/console');

consoles('picocom: from factory-fresh to a joined mesh, in less than two minutes', async () => {
  const lab = await Lab.create('console');
  try {
    await lab.namespace('anna');
    await lab.namespace('ben');
    await lab.connect('anna', 'ben', { addresses: [['198.51.100.1/24'], ['198.51.100.2/24']] });
    const [anna, ben] = [new Agent(lab, 'anna'), new Agent(lab, 'ben')];
    await anna.must(['init', '--name', 'anna']);
    await anna.up();
    const word = await anna.invite('ben');
    const cable = new Cable(lab, 'cable');
    await cable.plug();
    await ben.up(`serial.port=${cable.near}`);

    const window = await Window.open(lab, 'picocom', '-q', '-b', '115200', cable.far);
    const start = performance.now();
    await window.wake(/Set it up now/);
    await window.press('C-c');
    await window.until(/^[a-z0-9-]+>$/m);
    let keys = await window.typeByHand('setup');
    for (const [ask, line] of [
      [/^name \[.*\]:$/m, '?'],
      [/^1 to 63 lower-case letters[\s\S]*name \[.*\]:$/m, 'hut'],
      [/^local network \[members\]:$/m, ''],
      [/^mesh \[none\]:$/m, word],
      [/^An invite for "ben"\.[\s\S]*^MQTT \[own\]:$/m, 'own'],
      [/^PIN \[none\]:$/m, '2468'],
      [/^PIN again:$/m, '2468'],
      [/^ {2}mesh +join, as ben[\s\S]*^go ahead, yes or no \[no\]:$/m, 'yes'],
    ] as const) {
      await window.until(ask);
      // The word of an invite comes by the clipboard: 500 letters are for no fingers.
      if (line === word) await window.type(line);
      else keys += await window.typeByHand(line);
    }
    const screen = await window.until(/let in by anna[\s\S]*^ben>$/m);
    const seconds = Math.round((performance.now() - start) / 1000);
    console.log(`${keys} keys, joined in ${seconds} s`);
    assert.ok(keys < KEYS_MAX, `${keys} keys`);
    assert.ok(seconds < 120, `${seconds} s`);
    assert.not.match(screen, /2468/);
    assert.ok((await ben.ping(await anna.address())) >= 0, 'ben reaches anna');

    await window.press('C-l');
    await window.type('status --watch');
    await window.until(/^anna +direct[\s\S]*any key ends this/m);
    await window.press('x');
    const { rss } = (await ben.status()).memory;
    console.log(`${Math.round(rss / 2 ** 20)} MiB`);
    assert.ok(rss < RSS_MAX, `${rss} bytes`);

    await cable.unplug();
    await lab.waitFor(() => / is gone/.test(ben.daemon?.stderr ?? ''), 10_000, 'the port is gone');
    await window.close();
    await cable.plug();
    const second = await Window.open(lab, 'picocom', '-q', '-b', '115200', cable.far);
    await second.wake(/^PIN:$/m);
    await second.type('2468');
    await second.until(/^ben>$/m);
    await second.close();
  } finally {
    await lab.dispose();
  }
});

consoles('minicom and screen; a port that is named while the agent runs; noise', async () => {
  const lab = await Lab.create('console');
  try {
    await lab.namespace('ben');
    const ben = new Agent(lab, 'ben');
    const cable = new Cable(lab, 'cable');
    await cable.plug();
    await ben.up();
    await ben.must(['guest', 'add', 'phone', '--conf', '--endpoint', '192.0.2.1']);
    await ben.must(['config', 'set', 'name', 'ben']);
    await ben.must(['config', 'set', 'serial.port', cable.near]);
    for (const program of [
      ['minicom', '-o', '-D', cable.far, '-b', '115200'],
      ['screen', cable.far, '115200'],
    ]) {
      const window = await Window.open(lab, ...program);
      await window.wake(/^ben>$/m);
      await window.type('help');
      const page = await window.until(/-- more/);
      assert.match(page, /^status +how this node is doing$/m, 'the first row is still seen');
      await window.press('q');
      await window.type('config get listen.port');
      await window.until(/^51820$/m);
      await window.type('exit');
      await window.until(/press Enter$/m);
      await window.close();
    }

    const before = await ben.must(['config', 'get']);
    for (let i = 0; i < 50; i++) writeFileSync(cable.far, randomBytes(4096));
    assert.is(await ben.must(['config', 'get']), before);
    await provision(cable.far);

    await ben.must(['config', 'set', 'serial.port', 'null']);
    await ben.must(['config', 'set', 'serial.port', cable.near]);
    const window = await Window.open(lab, 'picocom', '-q', '-b', '115200', cable.far);
    await window.wake(/^ben>$/m);
    await window.close();
  } finally {
    await lab.dispose();
  }
});

/** A provisioning tool: machine mode over the real port, with noise right before it. */
async function provision(path: string): Promise<void> {
  const port = new SerialPort({ path, baudRate: 115200 });
  const answers: Array<ReadonlyMap<string, Cbor>> = [];
  const reader = new SlipReader();
  port.on('data', (bytes: Buffer) =>
    reader.read(bytes, (frame) => {
      const value = decode(frame);
      if (value instanceof Map) answers.push(value);
    }),
  );
  try {
    const send = (bytes: Uint8Array | string) => port.write(Buffer.from(bytes));
    const done = () => answers.find((one) => one.get('id') === 1);
    // What it said to the noise may fill the line still, and more is dropped: a tool asks again.
    for (let tries = 0; tries < 10 && !done(); tries++) {
      send('\xffjunk\x1b_kith\x1b\\');
      send(
        encodeSlip(
          encode(
            new Map([
              ['id', 1 as Cbor],
              ['command', 'status'],
            ]),
          ),
        ),
      );
      for (let i = 0; i < 40 && !done(); i++) await new Promise((go) => setTimeout(go, 50));
    }
    const result = done()?.get('result');
    assert.is(result instanceof Map && result.get('name'), 'ben');
    send(
      encodeSlip(
        encode(
          new Map([
            ['id', 2 as Cbor],
            ['command', 'leave'],
          ]),
        ),
      ),
    );
    await new Promise((resolve) => port.drain(resolve));
  } finally {
    await new Promise<void>((resolve) => port.close(() => resolve()));
  }
}

consoles.run();
