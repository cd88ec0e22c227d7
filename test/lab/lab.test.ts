// serial: a whole lab with its agents; makes and counts network namespaces
// slow: builds and breaks the real lab
// deadline: 180
// needs: tun, iputils-ping, nftables, wireguard-tools, wireguard-go
// `kith lab` as people run it: a mesh of real agents and a stock guest, changed from another
// terminal, and cleared away after a crash.
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Picture } from '../../agent/control/lab/picture.js';
import { Spaces } from '../../agent/control/lab/spaces.js';
import { type Daemon, type Ran, start } from './daemon.js';
import { KITH } from './node.js';

const NAME = `r${process.pid}`;
const lab = suite('lab/lab');

const kithLab = (command: string, ...rest: string[]) =>
  start([process.execPath, KITH, 'lab', command, ...rest, '--lab', NAME, '--json']);
const change = async (command: string, ...rest: string[]): Promise<Ran> => {
  const ran = await kithLab(command, ...rest).result();
  assert.is(ran.code, 0, ran.stderr);
  return ran;
};

/** The last picture that it showed. */
function picture(daemon: Daemon): Picture | undefined {
  const line = daemon.stdout.split('\n').at(-2);
  return line === undefined || line === '' ? undefined : (JSON.parse(line) as Picture);
}

async function until(what: string, daemon: Daemon, is: (now: Picture) => boolean): Promise<void> {
  const end = performance.now() + 40_000;
  for (;;) {
    const now = picture(daemon);
    if (now !== undefined && is(now)) return;
    if (performance.now() > end || !daemon.running)
      throw new Error(`${what}\n${daemon.stderr}${JSON.stringify(now)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const home = (now: Picture, name: string) => now.homes.find((one) => one.name === name);
const link = (now: Picture, from: string, to: string) =>
  now.links.find((one) => one.from === from && one.to === to);
const isWhole = (now: Picture) => now.links.every(({ rttMs }) => rttMs !== null);

lab(
  'a mesh and its guest, cut, healed, moved, behind another NAT, crashed and cleared',
  async () => {
    const daemon = kithLab('up');
    try {
      await until('everybody reaches everybody', daemon, isWhole);
      console.log(daemon.stderr.trim().split('\n').at(-1));
      await until('the guest is in the mesh', daemon, (now) => {
        const [there, back] = [link(now, 'phone', 'house'), link(now, 'house', 'phone')];
        return there?.via === 'harbour' && there.rttMs !== null && back?.rttMs !== null;
      });

      await change('cut', 'house');
      await until('house is cut off', daemon, (now) => {
        const silent = now.links.filter(({ from, to }) => [from, to].includes('house'));
        return home(now, 'house')?.cut === true && silent.every(({ rttMs }) => rttMs === null);
      });
      await change('heal', 'house');
      await until('house is back', daemon, isWhole);

      const { stdout } = await change('move', 'cabin');
      const [, address] = /cabin is at (\S+) now/.exec(stdout) ?? [];
      await change('nat', 'studio', 'full-cone');
      await until('cabin is elsewhere, studio behind another NAT', daemon, (now) => {
        const moved = home(now, 'cabin')?.address === address;
        return moved && home(now, 'studio')?.nat === 'full-cone' && isWhole(now);
      });

      daemon.kill();
      await daemon.exited;
      assert.ok(new Spaces(NAME).list().length > 0);
      await change('down');
      assert.equal(new Spaces(NAME).list(), []);
      assert.not(existsSync(`/run/kith-lab/${NAME}`));
    } finally {
      daemon.kill();
      await change('down');
    }
  },
);

lab.run();
