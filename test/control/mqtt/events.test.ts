import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PeerStatus, Status } from '../../../agent/commands/context.js';
import { EVENT_TYPES, EVENTS_MAX, Events } from '../../../agent/control/mqtt/events.js';
import { KEY_B, KEY_C } from '../../config/samples.js';
import { peer, status } from './node.js';

type Path = PeerStatus['path'];

const phone = (path: Partial<Path> = {}, publicKey = KEY_B): PeerStatus => {
  const parts = peer({ name: 'phone', publicKey });
  return { ...parts, path: { ...parts.path, ...path } };
};
const idle = { code: 'idle', evidence: '', advice: '' };
const silent = { code: 'silent', evidence: '', advice: '' };

const events = suite('control/mqtt/events');

events('a story: each change is told once', () => {
  const { since } = {
    since: (
      (all) => (now: Status) =>
        all.since(now)
    )(new Events()),
  };
  const told = (...peers: PeerStatus[]) => since(status(peers)).map((one) => one.event_type);
  assert.equal(told(phone()), [], 'the first look has nothing to compare with');
  assert.equal(told(phone()), []);
  assert.equal(told(phone({ class: 'relay', via: 'home' })), ['path_changed']);
  assert.equal(told(phone({ class: 'relay', via: 'cabin' })), ['path_changed']);
  assert.equal(told(phone({ class: 'none', reason: silent })), ['peer_disconnected']);
  assert.equal(told(phone()), ['peer_connected']);
  assert.equal(told(phone({ class: 'none', reason: idle })), [], 'it sleeps');
  assert.equal(told(phone()), [], 'and wakes');
  assert.equal(told(phone(), phone({}, KEY_C)), ['peer_joined']);
  assert.equal(told(phone({}, KEY_C)), ['peer_left']);
});

events('an alarm of the cipher is one, and it says how many there were', () => {
  const all = new Events();
  all.since(status());
  const bad = { ...status(), cipher: { ...status().cipher, alarms: 2 } };
  assert.equal(all.since(bad), [{ event_type: 'cipher_alarm', alarms: 2 }]);
  assert.equal(all.since(bad), []);
});

events('thousands at once are told as a few', () => {
  const all = new Events();
  const key = (i: number) => Buffer.from(String(i).padStart(32)).toString('base64');
  const many = Array.from({ length: 2_000 }, (_, i) => phone({}, key(i)));
  all.since(status(many));
  const gone = all.since(status(many.map((one) => phone({ class: 'none' }, one.publicKey))));
  assert.is(gone.length, EVENTS_MAX);
  for (const { event_type } of gone) assert.ok(EVENT_TYPES.includes(event_type));
});

events.run();
