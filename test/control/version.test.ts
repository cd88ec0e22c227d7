import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VERSION } from '../../agent/control/version.js';

const version = suite('control/version');

version('is the one of package.json', () => {
  const text = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8');
  assert.is(VERSION, (JSON.parse(text) as { version: string }).version);
});

version.run();
