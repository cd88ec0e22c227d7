import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type SessionEntry, Sessions } from '../../agent/wireguard/sessions.js';

const rotation = suite('wireguard/sessions');
const entry = (id: number, rejectAt = 100): SessionEntry => ({ id, localIndex: id, rejectAt });
const ids = (entries: SessionEntry[] | undefined) => entries?.map(({ id }) => id);
const slots = ({ previous, current, next }: Sessions) =>
  [previous, current, next].map((session) => session?.id ?? 0);

type Step = [what: 'initiator' | 'responder' | 'confirmed', id: number, ends: number[] | undefined];

const stories: [string, Step[], [previous: number, current: number, next: number]][] = [
  ['first as initiator', [['initiator', 1, []]], [0, 1, 0]],
  [
    'initiator again and again',
    [
      ['initiator', 1, []],
      ['initiator', 2, []],
      ['initiator', 3, [1]],
    ],
    [2, 3, 0],
  ],
  ['first as responder: waits', [['responder', 1, []]], [0, 0, 1]],
  [
    'responder, confirmed',
    [
      ['responder', 1, []],
      ['confirmed', 1, []],
    ],
    [0, 1, 0],
  ],
  [
    'a second initiation before the first is confirmed',
    [
      ['responder', 1, []],
      ['responder', 2, [1]],
      ['confirmed', 1, undefined],
      ['confirmed', 2, []],
    ],
    [0, 2, 0],
  ],
  [
    'responder again and again',
    [
      ['responder', 1, []],
      ['confirmed', 1, []],
      ['responder', 2, []],
      ['confirmed', 2, []],
      ['responder', 3, []],
      ['confirmed', 3, [1]],
    ],
    [2, 3, 0],
  ],
  [
    'crossing: the one we answered becomes previous, the older current ends',
    [
      ['initiator', 1, []],
      ['responder', 2, []],
      ['initiator', 3, [1]],
    ],
    [2, 3, 0],
  ],
  [
    'after crossing, previous is kept until the next one is confirmed',
    [
      ['responder', 1, []],
      ['initiator', 2, []],
      ['responder', 3, []],
    ],
    [1, 2, 3],
  ],
  [
    'confirmed twice, or what is in use: nothing',
    [
      ['responder', 1, []],
      ['confirmed', 1, []],
      ['confirmed', 1, undefined],
      ['confirmed', 7, undefined],
    ],
    [0, 1, 0],
  ],
];

for (const [name, steps, want] of stories) {
  rotation(name, () => {
    const sessions = new Sessions();
    for (const [what, id, ends] of steps) {
      if (what === 'initiator') assert.equal(ids(sessions.begunAsInitiator(entry(id))), ends);
      if (what === 'responder') assert.equal(ids(sessions.begunAsResponder(entry(id))), ends);
      if (what === 'confirmed') assert.equal(ids(sessions.confirmed(id)), ends);
    }
    assert.equal(slots(sessions), want);
  });
}

rotation('each ends when its life is over', () => {
  const sessions = new Sessions();
  assert.is(sessions.firstRejectAt(), Number.POSITIVE_INFINITY);
  sessions.begunAsInitiator(entry(1, 100));
  sessions.begunAsInitiator(entry(2, 200));
  sessions.begunAsResponder(entry(3, 300));
  assert.is(sessions.firstRejectAt(), 100);
  assert.equal(ids(sessions.expired(99)), []);
  assert.equal(ids(sessions.expired(100)), [1]);
  assert.is(sessions.firstRejectAt(), 200);
  assert.equal(ids(sessions.expired(250)), [2]);
  assert.equal(slots(sessions), [0, 0, 3]);
  assert.equal(ids(sessions.ended()), [3]);
  assert.equal(slots(sessions), [0, 0, 0]);
});

rotation.run();
