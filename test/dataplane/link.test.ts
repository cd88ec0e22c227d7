// needs: tun
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Link, LinkWatch } from '../../agent/dataplane/link.js';
import { sys } from '../../agent/dataplane/syscalls.js';
import { openTun, type Tun } from '../../agent/dataplane/tun.js';
import { Lab } from '../lab/namespaces.js';

type Watched = { lab: Lab; tun: Tun; watch: LinkWatch; links: Link[]; gone: number };

const link = suite<{ watched: Watched }>('dataplane/link');

link.before.each(async (context) => {
  const lab = await Lab.create('link');
  const tun = openTun(lab.interfaceName('l'), 1420, { tunSegmentation: true });
  const links: Link[] = [];
  const watch = new LinkWatch({
    tun: tun.fd,
    mtu: 1300,
    onChange: (state) => links.push(state),
    onGone: () => context.watched.gone++,
  });
  context.watched = { lab, tun, watch, links, gone: 0 };
  watch.start();
});

link.after.each(async ({ watched }) => {
  watched.watch.stop();
  sys.close(watched.tun.fd);
  await watched.lab.dispose();
});

/** Runs `ip link …`, in a namespace of the lab if need be, and waits until it was noticed. */
async function change({ lab, links }: Watched, where: string | null, text: string, want: Link) {
  await lab.must(where, 'ip', 'link', 'set', ...text.split(' '));
  const same = () => links.at(-1)?.up === want.up && links.at(-1)?.mtu === want.mtu;
  await lab.waitFor(same, 2_000, `${text}: ${JSON.stringify(want)}`);
}

link('the state at the start is told at once', ({ watched }) => {
  assert.equal(watched.links, [{ up: false, mtu: 1420 }]);
});

link('up, down and MTU are told, each once, and nothing else', async ({ watched }) => {
  const { name } = watched.tun;
  await change(watched, null, `${name} up`, { up: true, mtu: 1420 });
  await change(watched, null, `${name} mtu 9000`, { up: true, mtu: 9000 });
  await watched.lab.must(null, 'ip', 'link', 'set', name, 'alias', 'an event without news');
  await change(watched, null, `${name} txqueuelen 77 mtu 1300`, { up: true, mtu: 1300 });
  await change(watched, null, `${name} down`, { up: false, mtu: 1300 });
  assert.is(watched.links.length, 5);
});

link('it is followed into another namespace, under another name, and back', async ({ watched }) => {
  const { lab, tun } = watched;
  await lab.namespace('a');
  await change(watched, null, `${tun.name} up`, { up: true, mtu: 1420 });
  // The kernel takes an interface down when it moves.
  const netns = `netns ${lab.namespaceName('a')}`;
  await change(watched, null, `${tun.name} ${netns}`, { up: false, mtu: 1420 });
  await change(watched, 'a', `${tun.name} up`, { up: true, mtu: 1420 });
  await change(watched, 'a', `${tun.name} mtu 1280`, { up: true, mtu: 1280 });
  await change(watched, 'a', `${tun.name} down`, { up: false, mtu: 1280 });
  await change(watched, 'a', `${tun.name} name other`, { up: false, mtu: 1280 });
  await change(watched, 'a', 'other up', { up: true, mtu: 1280 });
  await change(watched, 'a', `other netns ${process.pid} name ${tun.name}`, {
    up: false,
    mtu: 1280,
  });
  await change(watched, null, `${tun.name} mtu 1400`, { up: false, mtu: 1400 });
  assert.is(watched.gone, 0);
});

/** While this runs the watch hears nothing: what happened is found in the socket afterwards. */
function batch(lines: string[], where: string[] = []): void {
  const options = { input: lines.join('\n'), encoding: 'utf8' } as const;
  const { status, stderr } = spawnSync('ip', [...where, '-batch', '-'], options);
  assert.is(status, 0, stderr);
}

link('a namesake where it was is not taken for it', async ({ watched }) => {
  const { lab, tun } = watched;
  await lab.namespace('a');
  await lab.namespace('b');
  const [a, b] = [lab.namespaceName('a'), lab.namespaceName('b')];
  await change(watched, null, `${tun.name} mtu 1401 netns ${a}`, { up: false, mtu: 1401 });
  const namesake = [`link add ${tun.name} mtu 1234 type veth`, `link set ${tun.name} up`];
  batch([`link set ${tun.name} netns ${b}`, ...namesake], ['-n', a]);
  await change(watched, 'b', `${tun.name} mtu 1402`, { up: false, mtu: 1402 });
  assert.equal(watched.links.slice(1), [
    { up: false, mtu: 1401 },
    { up: false, mtu: 1402 },
  ]);
});

link('more events than the socket holds end in the right state', async ({ watched }) => {
  const { lab, tun } = watched;
  await lab.namespace('a');
  await change(watched, null, `${tun.name} netns ${lab.namespaceName('a')}`, {
    up: false,
    mtu: 1420,
  });
  await lab.must('a', 'ip', 'link', 'add', 'other', 'type', 'veth');
  const others = Array.from({ length: 2_000 }, (_, i) => `link set other mtu ${1000 + (i % 400)}`);
  batch([...others, `link set ${tun.name} mtu 1333`], ['-n', lab.namespaceName('a')]);
  await lab.waitFor(() => watched.links.at(-1)?.mtu === 1333, 2_000, 'last change');
});

for (const moved of [false, true]) {
  link(`deletion is told once${moved ? ', also elsewhere' : ''}`, async ({ watched }) => {
    const { lab, tun } = watched;
    await lab.namespace('a');
    if (moved) await lab.must(null, 'ip', 'link', 'set', tun.name, 'netns', lab.namespaceName('a'));
    await lab.must(moved ? 'a' : null, 'ip', 'link', 'delete', tun.name);
    await lab.waitFor(() => watched.gone > 0, 2_000, 'gone');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.is(watched.gone, 1);
    assert.not.ok(watched.links.some(({ up }) => up));
  });
}

link('a stopped watch tells nothing more and leaves no descriptor', async ({ watched }) => {
  const { lab, tun } = watched;
  await lab.namespace('a');
  const netns = `netns ${lab.namespaceName('a')}`;
  await change(watched, null, `${tun.name} mtu 1400 ${netns}`, { up: false, mtu: 1400 });
  watched.watch.stop();
  const links = watched.links.length;
  const before = readdirSync('/proc/self/fd').length;
  for (let i = 0; i < 10; i++) {
    const watch = new LinkWatch({ tun: tun.fd, mtu: 1, onChange() {}, onGone() {} });
    watch.start();
    watch.stop();
  }
  assert.is(readdirSync('/proc/self/fd').length, before);
  await lab.must('a', 'ip', 'link', 'set', tun.name, 'up');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.is(watched.links.length, links);
});

link('where namespaces may not be visited a moved interface counts as up', async ({ watched }) => {
  const { lab } = watched;
  await lab.namespace('a');
  const name = lab.interfaceName('p');
  const folder = `${import.meta.dirname}/../../agent/dataplane`;
  const code = `
    import { LinkWatch } from '${folder}/link.ts';
    import { openTun } from '${folder}/tun.ts';
    const tun = openTun('${name}', 1420, { tunSegmentation: true });
    const onChange = (state) => console.log(JSON.stringify(state));
    new LinkWatch({ tun: tun.fd, mtu: 1300, onChange, onGone: () => console.log('gone') }).start();
    process.stdin.once('data', () => process.stdin.destroy());
  `;
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', code];
  const less = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin'];
  const child = lab.spawn(null, ...less, ...node);
  await lab.waitFor(() => child.stdout === '{"up":false,"mtu":1420}\n', 10_000, 'first state');
  await lab.must(null, 'ip', 'link', 'set', name, 'netns', lab.namespaceName('a'));
  await lab.waitFor(() => child.stdout.endsWith('{"mtu":1420,"up":true}\n'), 2_000, 'up');
  child.write('end');
  assert.is(await child.exited, 0, 'the watch alone keeps no process');
});

link.run();
