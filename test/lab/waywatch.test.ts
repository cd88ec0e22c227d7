// needs: tun
// The kernel's word of changes, in a namespace where nothing else happens.
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from './namespaces.js';

const watch = suite('lab/waywatch');
const SOURCE = join(import.meta.dirname, '../../agent/dataplane/waywatch.ts');
const GATEWAY = join(import.meta.dirname, '../../agent/discovery/gateway.ts');
const SCRIPT = `
  const { WayWatch } = await import(${JSON.stringify(SOURCE)});
  const { wayOut } = await import(${JSON.stringify(GATEWAY)});
  let count = 0;
  const watch = new WayWatch(() => console.log('changed', ++count, wayOut('kith0')));
  console.log('started', watch.start());
  setInterval(() => {}, 1000);
`;

watch('a link, an address, a default route: told of each; of nothing: silent', async () => {
  const lab = await Lab.create('ways');
  try {
    await lab.namespace('home');
    const flags = ['--import', 'tsx', '--input-type=module', '-e', SCRIPT];
    const daemon = lab.spawn('home', process.execPath, ...flags);
    const says = (text: string) =>
      lab.waitFor(() => daemon.stdout.includes(text), 20_000, `${text}\n${daemon.log}`);
    await says('started true');
    assert.not.match(daemon.stdout, /changed/);
    const ip = (...args: string[]) => lab.must('home', 'ip', ...args);
    await ip('link', 'add', 'eth9', 'type', 'bridge');
    await says('changed 1');
    await ip('address', 'add', '192.0.2.9/24', 'dev', 'eth9');
    await says('changed 2');
    await ip('link', 'set', 'eth9', 'up');
    await says('changed 3');
    const router = (last: number) => `eth9 fe80${'0'.repeat(27)}${last}`;
    for (const [i, last] of [1, 2].entries()) {
      await ip(
        '-6',
        'route',
        'replace',
        'default',
        'via',
        `fe80::${last}`,
        'dev',
        'eth9',
        'onlink',
      );
      await says(`changed ${4 + i} none, ${router(last)}`);
    }
    await ip('route', 'add', 'default', 'via', '192.0.2.1', 'dev', 'eth9');
    await says(`changed 6 eth9 010200C0, ${router(2)}`);
    await daemon.stop();
  } finally {
    await lab.dispose();
  }
});

watch.run();
