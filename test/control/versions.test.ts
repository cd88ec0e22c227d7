import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure, failureLines } from '../../agent/commands/failure.js';
import type { Migration } from '../../agent/config/migrate.js';
import { CONFIG_VERSION } from '../../agent/config/schema.js';
import { Folder } from '../../agent/control/folder.js';
import { FileStore } from '../../agent/control/store.js';
import { forgetOlderVersions, settleVersion } from '../../agent/control/versions.js';
import { failing } from './failingfiles.js';
import { temporaryFolder } from './program.js';

const random = (bytes: number) => new Uint8Array(bytes);
const OLD = CONFIG_VERSION - 1;
const rename: Migration = {
  from: OLD,
  what: 'title is called name',
  migrate: ({ title, ...rest }) => ({ ...rest, name: title }),
};
const old = JSON.stringify({ version: OLD, title: 'cabin', listen: { port: 777 } });
const today = JSON.stringify({ version: CONFIG_VERSION, name: 'cabin', listen: { port: 777 } });
const newer = JSON.stringify({ version: CONFIG_VERSION + 1, title: { of: 'tomorrow' } });

function folderWith(text: string): Folder {
  const folder = new Folder(temporaryFolder());
  folder.writeConfig(text);
  return folder;
}

const readable = (folder: Folder) => new FileStore(folder, random).read();

const versions = suite('control/versions');

versions('an older file is migrated, and kept beside until the update is confirmed', () => {
  const folder = folderWith(old);
  assert.match(settleVersion(folder, [rename]) ?? '', /version 1 now, before 0: title is called/);
  assert.equal([readable(folder).name, readable(folder).listen.port], ['cabin', 777]);
  assert.equal(readdirSync(folder.path).sort(), ['kith.json', `kith.v${OLD}.json`]);
  assert.is(folder.readVersion(OLD), old, 'as it was');
  assert.is(settleVersion(folder, [rename]), undefined, 'once');
  forgetOlderVersions(folder);
  assert.equal(readdirSync(folder.path), ['kith.json']);
});

versions('an update that is taken back and made again', () => {
  const folder = folderWith(today);
  folder.keepVersion(CONFIG_VERSION, today);
  folder.writeConfig(newer); // the newer agent migrated it
  assert.match(settleVersion(folder) ?? '', /was of version 2: back to version 1 of before/);
  assert.is(folder.readConfig(), today);
  assert.is(folder.readVersion(CONFIG_VERSION + 1), newer, 'nothing is lost');
  forgetOlderVersions(folder);
  assert.equal(folder.keptVersions(), [CONFIG_VERSION + 1, CONFIG_VERSION], 'none is older');
});

versions('the newest file that is understood is taken, and one that is damaged is not', () => {
  const folder = folderWith(newer);
  for (const text of ['{', '{"version": 1}', newer]) {
    folder.keepVersion(CONFIG_VERSION, text);
    const said = failureOf(() => settleVersion(folder));
    assert.match(
      said,
      /version: 2 is newer than this kith understands \(1\), and no older file lies beside/,
    );
    assert.is(folder.readConfig(), newer, 'and nothing is touched');
  }
  folder.keepVersion(CONFIG_VERSION + 5, newer);
  folder.keepVersion(CONFIG_VERSION, today);
  settleVersion(folder);
  assert.is(folder.readConfig(), today);
});

versions('killed at any call: the next start has it whole', () => {
  for (const [text, keep] of [
    [old, undefined],
    [newer, today],
  ] as const) {
    const calls: string[] = [];
    const make = () => {
      const folder = folderWith(text);
      if (keep !== undefined) folder.keepVersion(CONFIG_VERSION, keep);
      return folder;
    };
    const whole = make();
    settleVersion(new Folder(whole.path, undefined, failing(0, false, calls)), [rename]);
    assert.is(calls.length, 18, 'two files');
    for (let at = 1; at <= calls.length; at++) {
      const folder = make();
      const dying = new Folder(folder.path, undefined, failing(at, true));
      assert.throws(() => settleVersion(dying, [rename]));
      settleVersion(folder, [rename]);
      assert.equal(readable(folder).listen.port, 777, `call ${at}`);
      const kept = text === old ? OLD : CONFIG_VERSION + 1;
      assert.is(folder.readVersion(kept), text, `call ${at}: what was before is there`);
    }
  }
});

versions(
  'killed at any call of a change: the configuration of before or after, whole',
  async () => {
    const change = (folder: Folder) =>
      new FileStore(folder, random).update((before) => ({ ...before, name: 'hut' }));
    const calls: string[] = [];
    await change(new Folder(folderWith(today).path, undefined, failing(0, false, calls)));
    for (let at = 1; at <= calls.length; at++) {
      const folder = folderWith(today);
      await change(new Folder(folder.path, undefined, failing(at, true))).catch(() => {});
      assert.ok(['cabin', 'hut'].includes(readable(folder).name), `call ${at}`);
      await change(folder);
      assert.is(readable(folder).name, 'hut');
      const lying = readdirSync(folder.path).filter((name) => name.endsWith('.new'));
      assert.equal(lying, [], `call ${at}: nothing is left lying about`);
    }
  },
);

versions('what is no configuration is left to whoever reads it', () => {
  for (const text of ['', '{', '[]', '{"version": "0"}']) {
    const folder = folderWith(text);
    assert.is(settleVersion(folder, [rename]), undefined);
    assert.is(readFileSync(folder.configPath, 'utf8'), text);
  }
  assert.is(settleVersion(new Folder(temporaryFolder())), undefined);
  const wrong = folderWith(JSON.stringify({ version: OLD, title: 'No Good' }));
  assert.match(
    failureOf(() => settleVersion(wrong, [rename])),
    /name: must be 1 to 63/,
  );
});

function failureOf(act: () => void): string {
  try {
    act();
  } catch (error) {
    if (error instanceof Failure) return failureLines(error).join('\n');
    throw error;
  }
  return '';
}

versions.run();
