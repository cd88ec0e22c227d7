import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compareVersions, isVersion } from '../../agent/update/version.js';

const version = suite('update/version');

// Semantic Versioning 2.0.0, section 11, and one step around it
const ASCENDING = [
  '0.0.9',
  '0.1.0',
  '0.9.9',
  '1.0.0-0',
  '1.0.0-alpha',
  '1.0.0-alpha.1',
  '1.0.0-alpha.beta',
  '1.0.0-beta',
  '1.0.0-beta.2',
  '1.0.0-beta.11',
  '1.0.0-rc.1',
  '1.0.0',
  '1.2.0',
  '1.10.0',
  '2.0.0',
];

version('in order', () => {
  for (const [i, a] of ASCENDING.entries())
    for (const [j, b] of ASCENDING.entries())
      assert.is(Math.sign(compareVersions(a, b)), Math.sign(i - j), `${a} ${b}`);
});

version('what is none', () => {
  const none = ['', '1', '1.2', '1.2.3.4', '01.2.3', 'v1.2.3', '1.2.3-', '1.2.3-A', '1.2.3+b'];
  for (const text of [...none, '1.2.3\n', '../1.2.3', `1.2.3-${'a'.repeat(40)}`, '1.2.3-a..b'])
    assert.not.ok(isVersion(text), text);
  assert.throws(() => compareVersions('1.2', '1.2.3'), /"a" is no version/);
});

version.run();
