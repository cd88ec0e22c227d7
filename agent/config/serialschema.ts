// Settings of the serial console.

import * as v from 'valibot';
import { file, whole } from './kinds.js';

export const BAUD_RATE = 115_200; // what bootloaders and kernels of routers speak

const BAD_PORT = 'must be the path of a device, such as /dev/ttyS0 or /dev/ttyUSB0';

export const SerialSchema = v.strictObject({
  port: v.pipe(
    v.optional(
      v.nullable(
        v.pipe(
          file,
          v.check((value) => value.startsWith('/'), BAD_PORT),
        ),
      ),
      null,
    ),
    v.description('serial port with a console, such as /dev/ttyS0; null: none'),
    v.metadata({ apply: 'live', privileged: true }), // another line is a door, none locks out
  ),
  baudRate: v.pipe(
    v.optional(whole(300, 4_000_000), BAUD_RATE),
    v.description('bits a second; 8 data bits, no parity, 1 stop bit'),
    v.metadata({ apply: 'live', privileged: true }), // at another speed the owner reads junk
  ),
  pinFile: v.pipe(
    v.optional(v.nullable(file), null),
    v.description('file with the PIN of the console, in the state folder unless absolute'),
    v.metadata({ apply: 'live', privileged: true }), // without it whoever has the cable is in
  ),
});
