// deadline: 240
// serial: npm start builds where something changed
// needs: wireguard-tools, tun
//
// Every command in README.md is run, in the order of reading, in a namespace of the test's own.

import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from './lab/namespaces.js';
import { KITH, keyPair } from './lab/node.js';

const ROOT = join(import.meta.dirname, '..');

/** Not run from here: it is what runs this. */
const OURSELVES = ['npm test'];

/** The lines of the blocks marked `sh`, without their comments. */
function commands(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  const lines = blocks.flatMap((block) => block.split('\n'));
  return lines.map((line) => line.replace(/\s+#.*$/, '').trim()).filter((line) => line !== '');
}

const readme = suite('README');

readme('its commands are found, and what is no command is not', () => {
  const text = '```sh\nnpm test   # all\n\n  a "b" c\n```\n```\nno\n```\n';
  assert.equal(commands(text), ['npm test', 'a "b" c']);
});

readme('every command in it works', async () => {
  const lab = await Lab.create('readme');
  try {
    await lab.namespace('home');
    await lab.namespace('world');
    await lab.connect('home', 'world', { addresses: [['198.51.100.7/24'], ['198.51.100.1/24']] });
    await lab.must('home', 'ip', 'route', 'add', 'default', 'via', '198.51.100.1');
    const state = join(lab.folder, 'state');
    const name = lab.interfaceName('r'); // sockets of `wg` are not separated by namespaces
    prepare(lab, state, name);
    const lines = commands(readFileSync(join(ROOT, 'README.md'), 'utf8'));
    assert.ok(lines.length > 15, `${lines.length} commands`);
    for (const line of lines) {
      if (OURSELVES.includes(line)) continue;
      if (line === 'npm start') {
        const start = lab.spawn('home', 'npm', '--prefix', ROOT, 'start', '--', '--state', state);
        const isUp = () => start.log.includes('is up');
        await lab.waitFor(() => isUp() || !start.running, 120_000, 'node that is up');
        assert.ok(isUp(), start.log);
        continue;
      }
      if (line.startsWith('kith join')) {
        // Another router, and so another state folder. It goes by the same commands.
        await run(lab, line.replace('kith', 'cabin'), 'world');
        continue;
      }
      await run(lab, line.replaceAll(/\bwg0\b/g, name).replace('/usr/local/bin', '$FOLDER/bin'));
    }
  } finally {
    await lab.dispose();
  }
});

/** The program under its name, and the files that a reader would have. */
function prepare(lab: Lab, state: string, name: string): void {
  const { privateKey } = keyPair();
  const write = (file: string, text: string, mode = 0o600) =>
    writeFileSync(join(lab.folder, file), text, { mode });
  write('wg.key', `${privateKey}\n`);
  write(`${name}.conf`, `[Interface]\nPrivateKey = ${privateKey}\nAddress = 10.8.0.1/24\n`);
  write('kith', `#!/bin/sh\nexec node ${KITH} "$@" --state ${state}\n`, 0o755);
  write('cabin', `#!/bin/sh\nexec node ${KITH} "$@" --state ${state}-cabin\n`, 0o755);
  symlinkSync(join(ROOT, 'dist'), join(lab.folder, 'dist'));
  symlinkSync(lab.folder, join(lab.folder, 'bin'));
}

async function run(lab: Lab, line: string, where = 'home'): Promise<void> {
  // wg-quick looks for its file by name in /etc/wireguard only.
  const command = line.replace(/(wg-quick up) (\S+)$/, '$1 ./$2.conf');
  const script = `cd "$FOLDER" && PATH="$FOLDER/bin:$PATH" && ${command}`;
  const env = ['env', `FOLDER=${lab.folder}`];
  if (command.includes('wg-quick'))
    await lab.run('home', 'ip', 'link', 'delete', interfaceOf(line));
  const ran = await lab.run(where, ...env, 'bash', '-euo', 'pipefail', '-c', script);
  assert.is(ran.code, 0, `${line}\n${ran.stdout}${ran.stderr}`);
}

function interfaceOf(line: string): string {
  return line.split(' ').at(-1) ?? '';
}

readme.run();
