// `kith flash inject`.

import { Failure, UsageFailure } from '../../agent/commands/failure.js';
import { readSetup, SETUP_FILE, SETUP_VERSION, type Setup } from '../../board/setupfile.js';
import type { Program, Stage } from '../command.js';
import { Drive, type Partition, partitionsOf } from './drive.js';
import { type Fat, openFat } from './fat.js';
import { Secrets } from './secrets.js';

export type InjectGiven = Readonly<{
  target: string;
  name?: string;
  invite?: string;
  wifi?: string;
  wifiPassword?: string;
  country?: string;
  mqtt?: string;
  mqttUser?: string;
  mqttPassword?: string;
  pin?: string;
  sshKey?: string;
  settings?: string;
  partition?: number;
}>;

export const inject: Program<InjectGiven> = {
  async run(given, stage) {
    const wanted = await wantedSetup(given, new Secrets(() => stage.readInput()));
    if (Object.keys(wanted).length === 0)
      throw new UsageFailure('nothing to inject: say --name, --invite, --wifi, --ssh-key …');
    const drive = Drive.open(given.target);
    try {
      const { fat, partition } = bootPartition(drive, given.partition);
      const setup = merged(fat, wanted);
      const text = `${JSON.stringify(setup, null, 2)}\n`;
      fat.writeFile(SETUP_FILE, Buffer.from(text), new Date());
      check(drive, partition, text);
      tell(stage, given.target, partition, Object.keys(setup).slice(1));
      return 0;
    } finally {
      drive.close();
    }
  },
};

/** What the flags say, secrets read in. Throws Failure. */
export async function wantedSetup(given: InjectGiven, secrets: Secrets): Promise<Partial<Setup>> {
  const { name, invite, wifi, country, mqtt, mqttUser, pin, sshKey, settings } = given;
  const all: Record<string, unknown> = {};
  if (settings !== undefined) Object.assign(all, await settingsOf(settings, secrets));
  if (name !== undefined) all.name = name;
  if (invite !== undefined) all.invite = (await secrets.text('--invite', invite)).trim();
  if (pin !== undefined) all.pin = await secrets.text('--pin', pin);
  if (wifi !== undefined) {
    const from = given.wifiPassword;
    const password =
      from === undefined ? {} : { password: await secrets.text('--wifi-password', from) };
    all.wifi = { ssid: wifi, ...password, ...(country === undefined ? {} : { country }) };
  } else if (given.wifiPassword !== undefined || country !== undefined)
    throw new UsageFailure('--wifi-password and --country go with --wifi SSID');
  if (mqtt !== undefined) {
    const from = given.mqttPassword;
    const password =
      from === undefined ? {} : { password: await secrets.text('--mqtt-password', from) };
    all.mqtt = {
      url: mqtt,
      ...(mqttUser === undefined ? {} : { username: mqttUser }),
      ...password,
    };
  } else if (given.mqttPassword !== undefined || mqttUser !== undefined)
    throw new UsageFailure('--mqtt-user and --mqtt-password go with --mqtt URL');
  if (sshKey !== undefined) {
    const lines = (await secrets.text('--ssh-key', sshKey)).split(/\r?\n/);
    if (lines.some((line) => line.includes('PRIVATE KEY')))
      throw new UsageFailure('--ssh-key: this is the private key; take the file that ends in .pub');
    all.sshKeys = lines.map((line) => line.trim()).filter((line) => line !== '' && line[0] !== '#');
  }
  return checked(all);
}

async function settingsOf(from: string, secrets: Secrets): Promise<Partial<Setup>> {
  const read = readSetup(await secrets.text('--settings', from));
  if ('problems' in read) throw new Failure('--settings is not right:', read.problems);
  const { version: _version, ...setup } = read.setup;
  return setup;
}

function checked(parts: Record<string, unknown>): Partial<Setup> {
  const read = readSetup(JSON.stringify({ version: SETUP_VERSION, ...parts }));
  if ('problems' in read) throw new Failure('nothing was changed:', read.problems);
  const { version: _version, ...setup } = read.setup;
  return setup;
}

/** The first one with FAT: what firmware reads. Throws Failure. */
export function bootPartition(
  drive: Drive,
  number: number | undefined,
): { fat: Fat; partition: Partition } {
  const all = partitionsOf(drive);
  for (const partition of all) {
    if (number !== undefined && partition.number !== number) continue;
    const fat = openFat(drive, partition);
    if (fat) return { fat, partition };
  }
  const which = number === undefined ? 'no partition with FAT' : `no FAT in partition ${number}`;
  throw new Failure(
    `${drive.path} has ${which} among ${all.length}: an image of kith has one to boot from`,
  );
}

/** What lies there stays, unless it is damaged. */
function merged(fat: Fat, wanted: Partial<Setup>): Setup {
  const before = fat.readFile(SETUP_FILE);
  const read = before && readSetup(Buffer.from(before).toString());
  const kept = read && 'setup' in read ? read.setup : {};
  return { version: SETUP_VERSION, ...kept, ...wanted };
}

/** Read again from the start, as the first boot will. */
function check(drive: Drive, partition: Partition, text: string): void {
  const seen = openFat(drive, partition)?.readFile(SETUP_FILE);
  if (seen !== undefined && Buffer.from(seen).toString() === text) return;
  throw new Failure(`${drive.path} does not give back what was written: is the card worn out?`);
}

function tell({ json, out, error }: Stage, target: string, { number }: Partition, parts: string[]) {
  if (json)
    out(`${JSON.stringify({ done: true, target, partition: number, file: SETUP_FILE, parts })}\n`);
  else error(`Done: ${parts.join(', ')} in ${SETUP_FILE} of ${target}. The first boot wipes it.\n`);
}
