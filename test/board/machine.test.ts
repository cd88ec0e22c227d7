import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAddress } from '../../agent/bytes/address.js';
import { localPrefixes, sourceAddress } from '../../board/machine.js';
import { Lab } from '../lab/namespaces.js';

const machine = suite('board/machine');

machine('loopback is among the prefixes, without host bits', () => {
  const prefixes = localPrefixes();
  assert.ok(prefixes.some(({ address, length }) => address === '127.0.0.0' && length === 8));
});

machine('the source address is one of ours, or there is none', async () => {
  const address = await sourceAddress();
  if (address !== undefined) assert.is(parseAddress(address), address);
});

machine('in a namespace: by its routes alone', async () => {
  const lab = await Lab.create('source');
  try {
    await lab.namespace('a');
    const ask =
      "import('./board/machine.ts').then(async (m) => console.log(await m.sourceAddress()))";
    const asked = () => lab.run('a', process.execPath, '--import', 'tsx', '-e', ask);
    assert.is((await asked()).stdout, 'undefined\n', 'without a route there is none');
    await lab.namespace('b');
    await lab.connect('a', 'b', { names: ['up0', 'up1'], addresses: [['2001:db8:5::7/64'], []] });
    await lab.run('a', 'ip', '-6', 'route', 'add', 'default', 'dev', 'up0');
    assert.is((await asked()).stdout, '2001:db8:5::7\n');
    await lab.address('a', 'up0', '198.51.100.7/24');
    await lab.run('a', 'ip', 'route', 'add', 'default', 'dev', 'up0');
    assert.is((await asked()).stdout, '198.51.100.7\n', 'IPv4 first');
  } finally {
    await lab.dispose();
  }
});

machine.run();
