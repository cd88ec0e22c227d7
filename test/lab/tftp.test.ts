// needs: tftp-hpa, curl, busybox-static, nftables
// deadline: 60
// slow: what is lost costs seconds
// `kith flash tftp` and the clients that people have, over a line that loses packets.

import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Daemon } from './daemon.js';
import { Lab } from './namespaces.js';
import { KITH } from './node.js';

const IMAGE = randomBytes(120_000);
const SERVER = '192.168.1.66';

const tftp = suite('lab/tftp');

async function serving(lab: Lab, ...flags: string[]): Promise<Daemon> {
  const image = join(lab.folder, 'image.bin');
  writeFileSync(image, IMAGE);
  const more = ['--interface', 'router', '--address', `${SERVER}/24`, ...flags];
  const server = lab.spawn('desk', process.execPath, KITH, 'flash', 'tftp', image, ...more);
  await lab.waitFor(() => /serving/i.test(server.log) || !server.running, 10_000, 'a server');
  assert.match(server.log, /serving/i);
  return server;
}

tftp(
  'tftp-hpa and curl fetch it whole, and busybox though a tenth of all packets is lost',
  async () => {
    const lab = await Lab.create('tftp');
    try {
      await lab.namespace('desk');
      await lab.namespace('router');
      await lab.connect('desk', 'router', { addresses: [[], ['192.168.1.1/24']] });
      const server = await serving(lab, '--keep', '--json');
      const url = `tftp://${SERVER}/firmware.bin`;
      const out = (name: string) => join(lab.folder, name);
      const clients: Array<[string, string[]]> = [
        ['curl', ['curl', '-s', '--tftp-blksize', '16384', '-o', out('curl'), url]],
        ['hpa', ['tftp', '-m', 'binary', SERVER, '-c', 'get', 'firmware.bin', out('hpa')]],
        ['box', ['busybox', 'tftp', '-g', '-b', '16384', '-r', 'x', '-l', out('box'), SERVER]],
        ['small', ['busybox', 'tftp', '-g', '-b', '4096', '-r', 'y', '-l', out('small'), SERVER]],
      ];
      const [curl, hpa, box, small] = clients.map(
        ([name, command]) =>
          () =>
            fetched(lab, name, command),
      );
      await hpa!(); // by blocks of 512: with losses it would take a minute
      await curl!(); // has a patience of its own
      const loss =
        'type filter hook input priority 0; numgen random mod 100 < 10 udp dport != 69 drop;';
      for (const label of ['desk', 'router'])
        await lab.nft(label, `table inet line {\nchain in { ${loss}\n}\n}`);
      await Promise.all([box!(), small!()]);
      // where the last ACK is lost, the server says that it cannot know
      const ended = () => {
        const lines = server.stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line));
        return (
          lines.filter(({ done, error }) => done || /all of it was sent/.test(error)).length === 4
        );
      };
      await lab.waitFor(ended, 20_000, 'four ends');
      const lines = server.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.ok(lines.filter(({ done, bytes }) => done && bytes === IMAGE.length).length >= 2);
      assert.ok(lines.some(({ phase }) => phase === 'send'));
      server.signal('SIGINT');
      assert.is((await server.result(5_000)).code, 130);
      const left = await lab.must('desk', 'ip', 'address', 'show', 'dev', 'router');
      assert.not.match(left, /192\.168\.1\.66/, 'the address is taken away again');
    } finally {
      await lab.dispose();
    }
  },
);

async function fetched(lab: Lab, name: string, command: string[]): Promise<void> {
  const ran = await lab.run('router', ...command);
  assert.is(ran.code, 0, `${name}: ${ran.stdout}${ran.stderr}`);
  assert.ok(readFileSync(join(lab.folder, name)).equals(IMAGE), name);
}

tftp('ends by itself; another name, a write, a taken port', async () => {
  const lab = await Lab.create('tftp');
  try {
    await lab.namespace('desk');
    await lab.namespace('router');
    await lab.connect('desk', 'router', { addresses: [[], ['192.168.1.1/24']] });
    const server = await serving(lab, '--name', 'image.bin');
    const get = (name: string) =>
      lab.run('router', 'curl', '-s', '-o', join(lab.folder, 'got'), `tftp://${SERVER}/${name}`);
    assert.is((await get('other.bin')).code, 68, 'curl: no such file');
    const put = await lab.run('router', 'curl', '-s', '-T', KITH, `tftp://${SERVER}/image.bin`);
    assert.is(put.code, 69, 'curl: not allowed');
    const second = await lab.run(
      'desk',
      ...[process.execPath, KITH, 'flash', 'tftp', KITH, '--interface', 'router'],
    );
    assert.is(second.code, 1);
    assert.match(second.stderr, /another TFTP server has it/);
    assert.is((await get('image.bin')).code, 0);
    assert.is((await server.result(5_000)).code, 0);
    assert.match(server.stderr, /Done: 192\.168\.1\.1:\d+ has all 117 KiB/);
  } finally {
    await lab.dispose();
  }
});

tftp.run();
