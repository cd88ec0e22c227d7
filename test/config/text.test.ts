import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { configText } from '../../agent/config/text.js';
import { parseConfig } from '../../agent/config/validate.js';
import { config, KEY_A } from './samples.js';

const text = suite('config/text');

text('defaults are left out, the rest stands in the order of the schema', () => {
  const written = configText(config({ cipher: 'noble', listen: { port: 5 } }), undefined);
  assert.is(
    written,
    `{
  "version": 1,
  "name": "cabin",
  "listen": {
    "port": 5
  },
  "cipher": "noble"
}
`,
  );
});

text('what the file spelled out stays', () => {
  const before = { version: 1, name: 'cabin', listen: { port: 51820 }, cipher: 'auto', peers: [] };
  assert.equal(JSON.parse(configText(config(), before)), before);
});

text('what is written reads back as it was', () => {
  const full = config({
    name: 'hut',
    interface: { name: 'wg0', mtu: 1280, addresses: ['10.7.0.1/24'] },
    dataplane: { workers: 1 },
    guests: { dns: ['10.7.0.1'] },
    peers: [{ name: 'a', publicKey: KEY_A, endpoint: 'x.example:5' }],
  });
  for (const before of [undefined, {}, full]) {
    const checked = parseConfig(configText(full, before));
    assert.equal('config' in checked && checked.config, full);
  }
});

text.run();
