// What a node keeps beside for updates: the configuration of before, and what it remembers.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Folder } from '../../agent/control/folder.js';
import { dropKept, keepConfig, restoreKept } from '../../agent/control/keptconfig.js';
import {
  parseMemory,
  readUpdateMemory,
  writeUpdateMemory,
} from '../../agent/control/updatememory.js';
import { EMPTY } from '../../agent/update/policy.js';

const states = suite('control/updatestate');
let folder: Folder;

states.before.each(() => {
  folder = new Folder(mkdtempSync(join(tmpdir(), 'kith-kept-')));
});
states.after.each(() => rmSync(folder.path, { recursive: true }));

const OWN = '{ "version": 1, "name": "cabin" }\n';
const NEWER = '{ "version": 1, "name": "cabin", "teleport": true }\n';

states('taken back, a release finds its own configuration', () => {
  folder.writeConfig(OWN);
  keepConfig(folder, '0.1.0');
  folder.writeConfig(NEWER);
  assert.is(restoreKept(folder, '0.2.0'), undefined, 'the newer one knows what it wrote');
  assert.is(folder.readConfig(), NEWER);
  assert.match(restoreKept(folder, '0.1.0') ?? '', /newer release lies in .*kith\.newer\.json/);
  assert.is(folder.readConfig(), OWN);
  assert.is(Buffer.from(folder.readBytes('kith.newer.json', 999) ?? []).toString(), NEWER);
  assert.is(restoreKept(folder, '0.1.0'), undefined, 'once');
});

states('what both understand stays, changes of the trial included', () => {
  folder.writeConfig(OWN);
  keepConfig(folder, '0.1.0');
  const changed = OWN.replace('cabin', 'hut');
  folder.writeConfig(changed);
  assert.is(restoreKept(folder, '0.1.0'), undefined);
  assert.is(folder.readConfig(), changed);
});

states('confirmed: nothing is kept', () => {
  folder.writeConfig(OWN);
  keepConfig(folder, '0.1.0');
  dropKept(folder);
  folder.writeConfig(NEWER);
  assert.is(restoreKept(folder, '0.1.0'), undefined);
  assert.not.ok(existsSync(folder.file('kith.before-update.json')));
});

states('a damaged copy is none', () => {
  folder.writeConfig(NEWER);
  for (const text of ['', '{', '[]', '{"version":"0.1.0"}', '{"version":"0.1.0","config":"{"}']) {
    writeFileSync(folder.file('kith.before-update.json'), text, { mode: 0o600 });
    assert.is(restoreKept(folder, '0.1.0'), undefined, text);
  }
  assert.is(folder.readConfig(), NEWER);
});

states('the memory, written and read again', () => {
  const log: string[] = [];
  const read = () => readUpdateMemory(folder, (_level, line) => log.push(line));
  assert.equal(read(), EMPTY);
  const memory = {
    manifest: Uint8Array.of(1, 2, 3),
    floor: '1.0.0',
    failed: { version: '1.1.0', reason: 'it ended' },
  };
  writeUpdateMemory(folder, memory);
  assert.equal(read(), memory);
  assert.equal(log, []);
  writeFileSync(folder.file('update.json'), '{"manifest":5}', { mode: 0o600 });
  assert.equal(read(), EMPTY);
  assert.match(log.join(), /update\.json is damaged/);
});

states('fuzz: a memory is read whole, or not at all', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      const memory = parseMemory(text);
      assert.ok(memory === undefined || 'floor' in memory);
    }),
  );
  for (const floor of ['"../x"', '"1"', '5'])
    assert.is(parseMemory(`{"manifest":null,"floor":${floor},"failed":null}`), undefined);
});

states.run();
