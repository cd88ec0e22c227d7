import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Prefix, parsePrefix } from '../../agent/bytes/address.js';
import {
  type Answer,
  changeRoutes,
  readAnswers,
  routeDifference,
  runIp,
  setLinkUp,
} from '../../board/link.js';

const p = (text: string): Prefix => parsePrefix(text)!;
const LINK = { name: 'kith0', mtu: 1420, addresses: ['10.7.0.1/24', 'fd00::1/64', '10.8.0.1'] };

/** Takes lines down; fails those that match. */
function fake(fails?: RegExp, error = 'No such device') {
  const lines: string[] = [];
  const ip = async (batch: readonly string[]): Promise<Answer[]> => {
    lines.push(...batch);
    return batch.map((line) => ({ line, error: fails?.test(line) ? error : undefined }));
  };
  return { lines, ip };
}

const link = suite('board/link');

link('addresses, MTU, up', async () => {
  const { lines, ip } = fake();
  assert.equal(await setLinkUp(LINK, ip), []);
  assert.equal(lines, [
    'link set dev kith0 mtu 1420',
    'address replace 10.7.0.1/24 dev kith0',
    'address replace fd00::1/64 dev kith0 nodad',
    'address replace 10.8.0.1/32 dev kith0',
    'link set dev kith0 up',
  ]);
});

link('an IPv6 address that cannot be is remarked on, everything else is an error', async () => {
  assert.equal(await setLinkUp(LINK, fake(/fd00/).ip), [
    '`ip address replace fd00::1/64 dev kith0 nodad` failed: No such device',
  ]);
  for (const fails of [/10\.7/, /mtu/, / up$/]) {
    await setLinkUp(LINK, fake(fails).ip).then(
      () => assert.unreachable(),
      (error) => assert.match(error.message, /failed: No such device/),
    );
  }
});

link('routes change by their difference', async () => {
  const before = [p('192.168.1.0/24'), p('fd01::/64')];
  const after = [p('fd01::/64'), p('192.168.2.0/24')];
  const { remove, add } = routeDifference(before, after);
  const { lines, ip } = fake(/192\.168\.2/, 'File exists');
  const remarks = await changeRoutes('kith0', remove, add, ip);
  assert.equal(lines, ['route del 192.168.1.0/24 dev kith0', 'route add 192.168.2.0/24 dev kith0']);
  assert.equal(remarks, ['`ip route add 192.168.2.0/24 dev kith0` failed: File exists']);
  assert.equal(await changeRoutes('kith0', [], [], () => assert.unreachable() as never), []);
});

link('what `ip` says is put to its line', () => {
  const output = `RTNETLINK answers: File exists
Command failed -:2
Error: inet prefix is expected rather than "x".
Command failed -:4
`;
  assert.equal(
    readAnswers(['a', 'b', 'c', 'd'], output, 1).map(({ error }) => error),
    [undefined, 'File exists', undefined, 'inet prefix is expected rather than "x".'],
  );
});

link('the real `ip` goes on behind a line that fails', async () => {
  const answers = await runIp([
    'link show dev lo',
    'link show dev kith-none',
    'address show dev lo',
  ]);
  assert.equal(
    answers.map(({ error }) => error !== undefined),
    [false, true, false],
  );
});

link('where the real `ip` gives up, nothing is taken for done', async () => {
  await runIp(['link show dev lo', 'route add nonsense', 'link show dev lo']).then(
    () => assert.unreachable(),
    (error) => assert.match(error.message, /`ip` gave up: .*nonsense/),
  );
});

link.run();
