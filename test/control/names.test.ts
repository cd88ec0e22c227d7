import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  FIRST_PAUSE_MS,
  HANDSHAKE_STALE_MS,
  LONGEST_PAUSE_MS,
  Names,
} from '../../agent/control/names.js';
import { config, KEY_A, KEY_B } from '../config/samples.js';

const NEVER = () => Infinity;
const home = config({
  peers: [
    { name: 'home', publicKey: KEY_A, endpoint: 'home.example:5' },
    { name: 'hut', publicKey: KEY_B, endpoint: '192.0.2.1:5' },
  ],
});

/** One name, asked for at time 0 and answered with these addresses. */
function answered(...addresses: string[]) {
  const names = new Names();
  names.configure(home, 0);
  const [[key, host]] = names.due(0, NEVER) as [[string, { host: string; port: number }]];
  const endpoint = names.answer(key, host, { addresses }, 0);
  return { names, key, host, endpoint };
}

const names = suite('control/names');

names('only names are asked for, at once and once', () => {
  const fresh = new Names();
  fresh.configure(home, 0);
  assert.is(fresh.deadline(), 0);
  assert.equal(fresh.due(0, NEVER), [[KEY_A, { host: 'home.example', port: 5 }]]);
  assert.equal(fresh.due(1000, NEVER), [], 'the answer is awaited');
  assert.is(fresh.deadline(), undefined);
});

names('the first address is tried, then the next, then the first again', () => {
  const { names, key, host, endpoint } = answered('192.0.2.7', '2001:db8::7');
  assert.equal(endpoint, { address: '192.0.2.7', port: 5 });
  const tried: (string | undefined)[] = [];
  for (let i = 0; i < 3; i++) {
    const now = names.deadline()!;
    assert.is(names.due(now, NEVER).length, 1);
    const addresses = ['192.0.2.7', '2001:db8::7'];
    tried.push(names.answer(key, host, { addresses }, now)?.address);
  }
  assert.equal(tried, ['2001:db8::7', '192.0.2.7', '2001:db8::7']);
});

names('pauses grow while nothing answers, up to five minutes', () => {
  const { names, key, host } = answered('192.0.2.7');
  const pauses: number[] = [];
  let now = 0;
  for (let i = 0; i < 10; i++) {
    const next = names.deadline()!;
    pauses.push(next - now);
    assert.equal(names.due(next - 1, NEVER), [], 'nothing happens before the deadline');
    assert.is(names.due(next, NEVER).length, 1);
    names.answer(key, host, { error: 'ENOTFOUND' }, next);
    now = next;
  }
  assert.equal(pauses.slice(0, 4), [FIRST_PAUSE_MS, 4000, 8000, 16_000]);
  assert.is(pauses.at(-1), LONGEST_PAUSE_MS);
});

names('a young handshake keeps the name; 135 s later it is asked for again', () => {
  const { names } = answered('192.0.2.7');
  const now = names.deadline()!;
  assert.equal(
    names.due(now, () => 10_000),
    [],
  );
  assert.is(names.deadline(), now + HANDSHAKE_STALE_MS - 10_000);
  const later = names.deadline()!;
  assert.is(names.due(later, () => HANDSHAKE_STALE_MS).length, 1);
});

names('what moved is followed', () => {
  const { names, key, host } = answered('192.0.2.7');
  const now = names.deadline()!;
  names.due(now, NEVER);
  assert.is(names.answer(key, host, { addresses: ['198.51.100.1'] }, now)?.address, '198.51.100.1');
  assert.equal([...names.known()], [['home.example:5', { address: '198.51.100.1', port: 5 }]]);
});

names('an error is told until there is an address', () => {
  const fresh = new Names();
  fresh.configure(home, 0);
  const [[key, host]] = fresh.due(0, NEVER) as [[string, { host: string; port: number }]];
  assert.is(fresh.answer(key, host, { error: 'EAI_AGAIN' }, 0), undefined);
  assert.is(fresh.errorOf(key), 'EAI_AGAIN');
  fresh.due(FIRST_PAUSE_MS, NEVER);
  fresh.answer(key, host, { addresses: ['192.0.2.7'] }, FIRST_PAUSE_MS);
  assert.is(fresh.errorOf(key), undefined);
});

names('an answer to a name that was changed meanwhile is dropped', () => {
  const fresh = new Names();
  fresh.configure(home, 0);
  const [[key, host]] = fresh.due(0, NEVER) as [[string, { host: string; port: number }]];
  const peers = [{ name: 'home', publicKey: KEY_A, endpoint: 'other.example:5' }];
  fresh.configure(config({ peers }), 1);
  assert.is(fresh.answer(key, host, { addresses: ['192.0.2.7'] }, 1), undefined);
  fresh.configure(config(), 2);
  assert.is(fresh.deadline(), undefined);
});

names('what stays keeps what is known of it', () => {
  const { names } = answered('192.0.2.7');
  names.configure(home, 50);
  assert.is(names.known().size, 1);
  assert.is(names.deadline(), FIRST_PAUSE_MS);
});

names.run();
