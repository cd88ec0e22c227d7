// Whether somebody (NTP) keeps the wall clock of this machine right, as the kernel knows it.

import { addressOf, sys } from './syscalls.js';

const TIME_ERROR = 5; // adjtimex(2): the clock is not synchronised
const TIMEX_BYTES = 208; // struct timex; modes 0 only reads

export function isClockSynchronised(): boolean {
  const timex = new Uint8Array(TIMEX_BYTES);
  const state = sys.adjtimex(addressOf(timex));
  return state >= 0 && state !== TIME_ERROR;
}
