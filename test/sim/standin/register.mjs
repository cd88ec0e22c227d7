// `node --import tsx --import ./test/sim/standin/register.mjs …`: the stand-ins take their places.

import { register } from 'node:module';

register('./hooks.mjs', import.meta.url);
globalThis.kithStandIns = true;
