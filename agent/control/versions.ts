// Configurations of other versions in a state folder. What an update migrates stays beside as
// kith.vN.json until the update is confirmed, so that the agent of before finds its own again:
//
//     kith.json is older     → kith.vN.json keeps it, kith.json is the migrated one
//     kith.json is newer     → kith.vN.json keeps it, kith.json is the newest that is understood
//
// What is kept is written first: killed in between, the next start does it again.

import { Failure } from '../commands/failure.js';
import { MIGRATIONS, migrated, versionOf } from '../config/migrate.js';
import { CONFIG_VERSION } from '../config/schema.js';
import { configText } from '../config/text.js';
import { checkConfig, parseConfig } from '../config/validate.js';
import type { Folder } from './folder.js';

/**
 * To be called before the configuration is read at the start of an agent. What was done, for the
 * log; undefined where there was nothing to do. Throws Failure where no file is understood.
 */
export function settleVersion(folder: Folder, migrations = MIGRATIONS): string | undefined {
  const text = folder.readConfig();
  const value = text === undefined ? undefined : parsed(text);
  const version = versionOf(value);
  if (text === undefined || version === undefined || version === CONFIG_VERSION) return undefined;
  if (version > CONFIG_VERSION) return stepDown(folder, text, version);
  const { config, steps } = migrated(value, migrations);
  const checked = checkConfig(config);
  if ('problems' in checked)
    throw new Failure(`${folder.configPath} is not right:`, checked.problems);
  folder.keepVersion(version, text);
  folder.writeConfig(configText(checked.config, config));
  const what = steps.map((step) => step.what).join(', ');
  return `the configuration is of version ${CONFIG_VERSION} now, before ${version}: ${what}`;
}

/** Beside a change that is about to be written in today's version. */
export function keepOlder(folder: Folder, text: string): void {
  const version = versionOf(parsed(text));
  if (version !== undefined && version < CONFIG_VERSION) folder.keepVersion(version, text);
}

/** A newer agent was here, and was taken back. */
function stepDown(folder: Folder, text: string, newer: number): string {
  for (const version of folder.keptVersions()) {
    if (version > CONFIG_VERSION) continue;
    const older = folder.readVersion(version);
    if (older === undefined || 'problems' in parseConfig(older)) continue;
    folder.keepVersion(newer, text);
    folder.writeConfig(older);
    return `the configuration was of version ${newer}: back to version ${version} of before`;
  }
  const problem =
    `${newer} is newer than this kith understands (${CONFIG_VERSION}), ` +
    'and no older file lies beside: update kith';
  throw new Failure(`${folder.configPath} is not right:`, [{ path: 'version', problem }]);
}

/** The update is there to stay: nobody goes back to what was before. */
export function forgetOlderVersions(folder: Folder): void {
  for (const version of folder.keptVersions())
    if (version < CONFIG_VERSION) folder.forgetVersion(version);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // whoever reads it says what is wrong
  }
}
