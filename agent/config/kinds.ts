// The kinds of value that settings have, each with the sentence that says what is wanted.

import * as v from 'valibot';
import { NAME } from './words.js';

const PATH_MAX = 1024;
const BAD_NAME = 'must be 1 to 63 lower-case letters, digits and hyphens, as in a host name';

export function text(max: number, what = 'must be text') {
  return v.pipe(v.string(what), v.maxLength(max, `must be at most ${max} characters`));
}

export function whole(least: number, most: number) {
  const range = `must be a whole number from ${least} to ${most}`;
  return v.pipe(
    v.number(range),
    v.integer(range),
    v.minValue(least, range),
    v.maxValue(most, range),
  );
}

export function flag() {
  return v.boolean('must be true or false');
}

export const name = v.pipe(v.string('must be text'), v.regex(NAME, BAD_NAME));

export const file = v.pipe(
  text(PATH_MAX, 'must be a file name'),
  v.check((value) => value !== '' && !value.includes('\0'), 'must be a file name'),
);
