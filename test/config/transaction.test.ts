import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { patchedConfig } from '../../agent/config/patch.js';
import type { Config } from '../../agent/config/schema.js';
import { Transaction, takenBack } from '../../agent/config/transaction.js';
import { config, KEY_A } from './samples.js';

const first = config({ name: 'cabin', listen: { port: 1 } });

function change(before: Config, patch: object): Config {
  const changed = patchedConfig(before, patch);
  if ('config' in changed) return changed.config;
  throw new Error('a bad patch');
}

const transaction = suite('config/transaction');

transaction('it is due at its deadline, and not once confirmed', () => {
  const one = new Transaction();
  one.begin(first, change(first, { name: 'hut' }), 1_000, 60);
  assert.is(one.deadline(), 61_000);
  assert.not.ok(one.isDue(60_999));
  assert.ok(one.isDue(61_000));
  assert.ok(one.confirm());
  assert.not.ok(one.isDue(99_000));
  assert.is(one.deadline(), undefined);
  assert.is(one.takeBack(), undefined);
  assert.not.ok(one.confirm());
});

transaction('what it changed goes back, once', () => {
  const one = new Transaction();
  const after = change(first, { name: 'hut', listen: { port: 2 } });
  one.begin(first, after, 0, 60);
  assert.equal(one.before, first);
  assert.equal(one.takeBack()?.(after), first);
  assert.is(one.takeBack(), undefined);
});

transaction('a second change joins the first and renews the deadline', () => {
  const one = new Transaction();
  const second = change(first, { name: 'hut' });
  const third = change(second, { listen: { port: 3 } });
  one.begin(first, second, 0, 60);
  one.begin(second, third, 30_000, 60);
  assert.not.ok(one.isDue(60_000));
  assert.ok(one.isDue(90_000));
  assert.equal(one.takeBack()?.(third), first);
});

transaction('what others changed meanwhile stays', () => {
  const after = change(first, { mqtt: { url: 'mqtt://wrong.example' } });
  const peers = [{ name: 'phone', publicKey: KEY_A }];
  const current = change(after, { peers, listen: { port: 9 }, mqtt: { intervalSeconds: 5 } });
  const back = takenBack(first, after, current);
  assert.is(back.mqtt.url, null);
  assert.is(back.mqtt.intervalSeconds, 5);
  assert.is(back.listen.port, 9);
  assert.is(back.peers.length, 1);
});

transaction.run();
