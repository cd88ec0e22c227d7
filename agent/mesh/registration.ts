// What is kept of one of our trackers (registering.ts).

import type { Millis } from '../wireguard/effects.js';
import type { Sealed } from './frame.js';

type State = 'waiting' | 'seeking' | 'registering' | 'kept';

export type Row = {
  state: State;
  spare: boolean; // better ones are about to take over
  tries: number; // in this state, or of this question
  nextAt: Millis; // when to look at it
  sentAt: Millis; // of what this file sent
  renewedAt: Millis; // when its session began
  initiator: boolean; // we began it: it is for us to renew
  record: Sealed | undefined; // that it was sent last
  observed: string; // where it saw us
  recordAt: Millis;
  toldAt: Millis; // when it last said what it holds
  asking: boolean; // a sign of life is due
};

export function blank(now: Millis): Row {
  return {
    state: 'waiting',
    spare: false,
    tries: 0,
    nextAt: now,
    sentAt: now,
    renewedAt: now,
    initiator: false,
    record: undefined,
    observed: '',
    recordAt: Number.NEGATIVE_INFINITY,
    toldAt: Number.NEGATIVE_INFINITY,
    asking: false,
  };
}
