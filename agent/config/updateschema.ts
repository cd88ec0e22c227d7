// Settings of updates: whose releases are taken, where from, and how far that goes by itself.

import * as v from 'valibot';
import { decodeKey } from '../bytes/base64.js';
import { flag, name, text, whole } from './kinds.js';

const BAD_URL = 'must be http:// or https://, then host, :port and /path';
const BAD_KEY = 'must be a key of 32 bytes in base64, as `kith update key` prints it';
const BAD_CHANNEL = 'must be 1 to 32 lower-case letters, digits and hyphens';
const BAD_WINDOW = 'must be a time of day from and to, such as 02:00-05:00';

const url = v.pipe(
  text(512, BAD_URL),
  v.regex(/^https?:\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(\/[!-~]*)?$/, BAD_URL),
  v.check((value) => URL.canParse(value), BAD_URL),
);

const key = v.pipe(
  text(64, BAD_KEY),
  v.check((value) => decodeKey(value) !== undefined, BAD_KEY),
);

export const UpdateSchema = v.strictObject({
  url: v.pipe(
    v.optional(v.nullable(url), null),
    v.description('folder on a web server where releases are published; null: members alone'),
    v.metadata({ apply: 'live', privileged: true }), // whoever names it learns when we ask
  ),
  keys: v.pipe(
    v.optional(
      v.pipe(v.array(key, 'must be a list of keys'), v.maxLength(8, 'must be at most 8')),
      [],
    ),
    v.description('publishers whose releases are taken, public keys in base64; none: nobody'),
    v.metadata({ apply: 'live', privileged: true }), // whoever is in here owns this machine
  ),
  channel: v.pipe(
    v.optional(
      v.pipe(text(32, BAD_CHANNEL), v.regex(/^[a-z][a-z0-9-]{0,31}$/, BAD_CHANNEL)),
      'stable',
    ),
    v.description('which line of releases is followed'),
    v.metadata({ apply: 'live', privileged: true }),
  ),
  automatic: v.pipe(
    v.optional(
      v.picklist(['off', 'download', 'apply'], 'must be "off", "download" or "apply"'),
      'download',
    ),
    v.description(
      'how far an update goes by itself: not at all, until it lies here, or all the way',
    ),
    v.metadata({ apply: 'live', privileged: true }),
  ),
  after: v.pipe(
    v.optional(v.nullable(name), null),
    v.description('by itself only after this member runs the release well; null: wait for nobody'),
    v.metadata({ apply: 'live' }),
  ),
  window: v.pipe(
    v.optional(
      v.nullable(
        v.pipe(
          text(16, BAD_WINDOW),
          v.regex(/^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/, BAD_WINDOW),
        ),
      ),
      null,
    ),
    v.description('time of day, of this machine, when it may restart by itself; null: any time'),
    v.metadata({ apply: 'live' }),
  ),
  trialSeconds: v.pipe(
    v.optional(whole(10, 3600), 300),
    v.description('a new release that is not well and reached from outside by then goes again'),
    v.metadata({ apply: 'live' }),
  ),
  share: v.pipe(
    v.optional(flag(), true),
    v.description('give releases to other members, and say which one runs here'),
    v.metadata({ apply: 'restart' }),
  ),
});
