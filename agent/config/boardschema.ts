// Settings of what kith may do to the machine that it runs on.

import * as v from 'valibot';
import { flag } from './kinds.js';

const BAD_LED = 'must be the name of an LED as in /sys/class/leds, such as ACT';

export const BoardSchema = v.strictObject({
  firewall: v.pipe(
    v.optional(flag(), true),
    v.description("open the UDP port in the system's firewall, and give the tunnel a zone there"),
    v.metadata({ apply: 'restart', privileged: true }), // closed, its owner may not get in
  ),
  led: v.pipe(
    v.optional(
      v.nullable(
        v.pipe(v.string(BAD_LED), v.regex(/^(?!\.\.?$)[A-Za-z0-9:_.@+-]{1,64}$/, BAD_LED)),
      ),
      null,
    ),
    v.description('LED that is on while a peer is reached and blinks while none is; null: none'),
    v.metadata({ apply: 'restart' }),
  ),
});
