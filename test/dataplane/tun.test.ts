import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from '../lab/namespaces.js';
import { PlaneNode } from './planes.js';

const TUN = new URL('../../agent/dataplane/tun.ts', import.meta.url).pathname;

const tun = suite('dataplane/tun');

/** What a start that must fail says. */
async function refusal(lab: Lab, interfaceName: string, ...before: string[]): Promise<string> {
  if (before.length > 0) await lab.must('a', ...before);
  const error = await PlaneNode.start(lab, 'a', { interfaceName }).catch(String);
  const said = /\{"failed":"(.*?[^\\])"\}/.exec(String(error))?.[1];
  assert.ok(said, String(error));
  return said.replaceAll('\\"', '"');
}

tun('names that no interface can have are refused in a sentence', async () => {
  const lab = await Lab.create('names');
  try {
    await lab.namespace('a');
    for (const name of ['', 'sixteen-letters-', 'a b', 'a/b', '..', 'a:b']) {
      assert.match(await refusal(lab, name), 'cannot name an interface', name);
    }
  } finally {
    await lab.dispose();
  }
});

tun('a name that is taken: by another kind of interface, by another program', async () => {
  const lab = await Lab.create('taken');
  try {
    await lab.namespace('a');
    const veth = ['ip', 'link', 'add', 'kt1', 'type', 'veth', 'peer', 'name', 'kt9'];
    assert.match(await refusal(lab, 'kt1', ...veth), 'exists and is no TUN device');
    const first = await PlaneNode.start(lab, 'a', { interfaceName: 'kt2' });
    assert.match(await refusal(lab, 'kt2'), 'in use by another program');
    await first.ask('stop');
  } finally {
    await lab.dispose();
  }
});

tun('without rights the sentence says what to do', async () => {
  const lab = await Lab.create('rights');
  try {
    await lab.namespace('a');
    // Still root by name: another user may not read a checkout below /root.
    const user = ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all', '--no-new-privs'];
    const code = `
      import { openTun } from '${TUN}';
      try { openTun('kt3', 1420, { tunSegmentation: true }); }
      catch (error) { console.log(error.message); }`;
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', code];
    const ran = await lab.run('a', ...user, ...node);
    assert.match(ran.stdout, /run this as root, or with CAP_NET_ADMIN/, ran.stderr);
  } finally {
    await lab.dispose();
  }
});

tun('the kernel fills in a %d, and the MTU is set', async () => {
  const lab = await Lab.create('percent');
  try {
    await lab.namespace('a');
    const node = await PlaneNode.start(lab, 'a', { interfaceName: 'kt%d', mtu: 1280 });
    assert.match(node.ready.name, /^kt\d+$/);
    assert.match(await lab.must('a', 'ip', 'link', 'show', node.ready.name), 'mtu 1280');
    await node.ask('stop');
  } finally {
    await lab.dispose();
  }
});

tun.run();
