import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Hands, Steps } from '../../board/board.js';
import { Debian } from '../../board/debian.js';
import { realHands } from '../../board/hands.js';
import { FileMemory } from '../../board/memory.js';
import { type Action, commandLines, type Step } from '../../board/step.js';
import { temporaryFolder } from '../control/program.js';

const LED: Step = { kind: 'led', led: 'ACT', shows: 'on' };
const SERIAL: Step = { kind: 'serial', port: '/dev/ttyS0' };
const TABLE: Step = { kind: 'firewall', table: 'inet kith', rules: 'chain input { }' };
const FILES: Record<string, string> = {
  '/sys/class/leds/ACT/trigger': 'none timer [mmc0] heartbeat\n',
  '/sys/class/leds/ACT/brightness': '0\n',
  '/sys/class/leds/ACT/max_brightness': '1\n',
};

/** Hands that write down what they do, and a memory that outlives the steps. */
function parts(files = FILES) {
  const done: string[] = [];
  const hands: Hands = {
    look: (path) => files[path],
    perform: async (actions) => {
      done.push(...actions.flatMap(commandLines));
      return [];
    },
  };
  const path = join(temporaryFolder(), 'run', 'steps.json');
  const steps = () => new Steps(new Debian('Pi', 'Debian'), hands, new FileMemory(path));
  return { done, steps, path };
}

const UNDO = [
  'systemctl start serial-getty@ttyS0.service',
  'echo 0 > /sys/class/leds/ACT/brightness',
  'echo mmc0 > /sys/class/leds/ACT/trigger',
];

const board = suite('board/board');

board('steps are taken in order and undone the last first', async () => {
  const { done, steps, path } = parts();
  const one = steps();
  assert.equal(await one.take([LED, SERIAL]), []);
  assert.equal(done.splice(0), [
    'echo none > /sys/class/leds/ACT/trigger',
    'echo 1 > /sys/class/leds/ACT/brightness',
    'systemctl stop serial-getty@ttyS0.service',
  ]);
  assert.is(statSync(path).mode & 0o777, 0o600);
  await one.undo();
  assert.equal(done.splice(0), UNDO);
  await one.undo();
  assert.equal(done, [], 'once');
});

board('what a crash left is undone at the next start, and then forgotten', async () => {
  const { done, steps, path } = parts();
  await steps().take([LED, SERIAL]);
  done.length = 0;
  await steps().sweep();
  assert.equal(done.splice(0), UNDO);
  assert.throws(() => statSync(path), /ENOENT/);
  await steps().sweep();
  assert.equal(done, []);
});

board('the way back is written down before the step is taken', async () => {
  const path = join(temporaryFolder(), 'steps.json');
  const seen: (readonly Action[])[] = [];
  const hands: Hands = {
    look: (name) => FILES[name],
    perform: async () => {
      seen.push(new FileMemory(path).read());
      throw new Error('the power fails');
    },
  };
  const steps = new Steps(new Debian('Pi', 'Debian'), hands, new FileMemory(path));
  await steps.take([SERIAL]).catch(() => {});
  assert.equal(seen, [
    [{ do: 'run', command: ['systemctl', 'start', 'serial-getty@ttyS0.service'] }],
  ]);
});

board('a step that is taken again goes back to how it was before the first', async () => {
  const files = { ...FILES };
  const { done, steps } = parts(files);
  const one = steps();
  await one.take([LED]);
  files['/sys/class/leds/ACT/trigger'] = '[none] timer mmc0\n';
  files['/sys/class/leds/ACT/brightness'] = '1\n';
  await one.take([{ ...LED, shows: 'blink' }]);
  done.length = 0;
  await one.undo();
  assert.equal(done, UNDO.slice(1));
});

board('what goes with the interface is not written down', async () => {
  const { steps, path } = parts();
  await steps().take([{ kind: 'address', device: 'kith0', address: '10.7.0.1/24' }]);
  assert.throws(() => statSync(path), /ENOENT/);
});

board('a damaged memory is none', () => {
  const path = join(temporaryFolder(), 'steps.json');
  for (const text of [
    '',
    '{',
    '[]',
    '{"version":2,"undo":[]}',
    '{"version":1,"undo":[{"do":"x"}]}',
  ]) {
    writeFileSync(path, text);
    assert.equal(new FileMemory(path).read(), [], text);
  }
});

board('real hands: files are written, programs run, what fails is said', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'brightness');
  writeFileSync(path, '0\n');
  const remarks = await realHands().perform([
    { do: 'write', path, text: '1' },
    { do: 'write', path: join(folder, 'none'), text: '1' },
    { do: 'run', command: ['sh', '-c', 'cat > "$0"', join(folder, 'out')], input: 'whole\n' },
    { do: 'run', command: ['sh', '-c', 'echo no way >&2; exit 3'] },
    { do: 'run', command: ['kith-no-such-program'] },
    { do: 'ip', line: 'link show dev kith-none' },
  ]);
  assert.is(readFileSync(path, 'utf8'), '1\n');
  assert.is(readFileSync(join(folder, 'out'), 'utf8'), 'whole\n');
  assert.equal(
    remarks.map((remark) => remark.replace(folder, '')),
    [
      'cannot write /none: ENOENT',
      "`sh -c 'echo no way >&2; exit 3'` failed: no way",
      '`kith-no-such-program` failed: there is no program kith-no-such-program',
      '`ip link show dev kith-none` failed: Device "kith-none" does not exist.',
    ],
  );
});

board("an update slot is the launcher's to change", async () => {
  const { done, steps } = parts();
  await steps().take([{ kind: 'slot', root: '/opt/kith', release: '1.2.3' }]);
  assert.equal(done, ['/opt/kith/launch --install 1.2.3']);
});

board('a table is one transaction', async () => {
  const { done, steps } = parts();
  await steps().take([TABLE]);
  assert.equal(done, [
    "nft -f - <<'END'",
    'table inet kith',
    'delete table inet kith',
    'table inet kith {',
    'chain input { }',
    '}',
    'END',
  ]);
});

board.run();
