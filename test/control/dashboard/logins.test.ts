import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  FREE_TRIES,
  GUESSERS_MAX,
  LOGIN_MS,
  LOGINS_MAX,
  Logins,
  WAIT_MS_MAX,
} from '../../../agent/control/dashboard/logins.js';

const logins = suite('dashboard/logins');

let drawn = 0;

function fresh(): Logins {
  return new Logins({
    password: () => Buffer.from('correct horse'),
    random: (bytes) => new Uint8Array(bytes).fill(++drawn),
  });
}

function enter(door: Logins, password: string, from = '192.0.2.1', now = 0): string {
  const result = door.login(password, from, now);
  return 'token' in result ? 'in' : result.waitMs > 0 ? `wait ${result.waitMs}` : 'wrong';
}

logins('the password lets in, for its time', () => {
  const door = fresh();
  const result = door.login(' correct horse\n', '192.0.2.1', 5);
  assert.ok('token' in result);
  assert.is(door.holds(result.token, 5 + LOGIN_MS - 1), true);
  assert.is(door.holds(result.token, 5 + LOGIN_MS), false);
  assert.is(door.holds('', 5), false);
  const second = door.login('correct horse', '192.0.2.1', 5);
  assert.ok('token' in second);
  door.logout(second.token);
  assert.is(door.holds(second.token, 6), false);
});

logins('nothing but the password does', () => {
  for (const wrong of ['', 'correct hors', 'correct horsf', 'correct horse battery', '\0'])
    assert.is(enter(fresh(), wrong), 'wrong', wrong);
  const empty = new Logins({ password: () => Buffer.alloc(0), random: (n) => new Uint8Array(n) });
  assert.is(enter(empty, ''), 'wrong', 'an empty file is no open door');
});

logins('guessing gets slow, and a right guess meanwhile does not count', () => {
  const door = fresh();
  for (let i = 1; i < FREE_TRIES; i++) assert.is(enter(door, 'x'), 'wrong');
  const waits = [];
  let now = 0;
  for (let i = 0; i < 8; i++) {
    const result = door.login('x', '192.0.2.1', now);
    assert.ok('waitMs' in result);
    waits.push(result.waitMs);
    assert.match(enter(door, 'correct horse', '192.0.2.1', now + result.waitMs - 1), /^wait/);
    now += result.waitMs;
  }
  assert.equal(waits.slice(0, 3), [1_000, 2_000, 4_000]);
  assert.is(waits.at(-1), WAIT_MS_MAX);
  assert.is(enter(door, 'correct horse', '192.0.2.2', now - 1), 'in', 'others are not held up');
  assert.is(enter(door, 'correct horse', '192.0.2.1', now), 'in');
  assert.is(enter(door, 'x', '192.0.2.1', now), 'wrong', 'and all is forgiven');
});

logins('addresses of one network count as one', () => {
  const door = fresh();
  for (let i = 0; i < FREE_TRIES; i++) enter(door, 'x', `fe80::${i + 1}%eth0`);
  assert.match(enter(door, 'x', 'fe80::ffff'), /^wait/);
  assert.is(enter(door, 'x', 'fd00:0:0:1::1'), 'wrong');
  for (let i = 0; i < FREE_TRIES; i++) enter(door, 'x', '::ffff:192.0.2.9');
  assert.match(enter(door, 'x', '192.0.2.9'), /^wait/);
});

logins('what guessers can make it keep is bounded', () => {
  const door = fresh();
  for (let i = 0; i < 2 * GUESSERS_MAX; i++) enter(door, 'x', `10.0.${i >> 8}.${i & 255}`);
  assert.match(enter(door, 'x', '10.9.9.9'), /^wait/, 'the rest shares one entry');
  assert.is(enter(door, 'correct horse', '10.0.0.1'), 'in');
  const home = fresh();
  const tokens = Array.from({ length: LOGINS_MAX + 1 }, () => {
    const result = home.login('correct horse', '10.0.0.1', 0);
    return 'token' in result ? result.token : '';
  });
  assert.is(home.holds(tokens[0]!, 1), false);
  assert.is(home.holds(tokens.at(-1)!, 1), true);
});

logins.run();
