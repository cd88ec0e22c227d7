// `kith lab`: an internet of network namespaces on this machine, with a mesh on it to look at and
// to break. `up` builds it and shows it until it is told to end; the other commands come from
// another terminal and find it by its record.

import { Failure } from '../../commands/failure.js';
import { suggestion } from '../../config/words.js';
import { Internet } from './internet.js';
import { NAT_KINDS } from './nat.js';
import { isAlive, RecordFile } from './record.js';
import { Spaces } from './spaces.js';
import { askAll, pictureOf, render, type Stage } from './stage.js';
import { up } from './up.js';

export type LabGiven = Readonly<{ lab: string; home?: string; kind?: string }>;

const DOWN_MS = 10_000; // for another process to end its lab
const POLL_MS = 100;

/** Runs one of the commands; resolves to the exit code. Throws Failure. */
export async function lab(command: string, given: LabGiven, stage: Stage): Promise<number> {
  Spaces.require();
  const spaces = new Spaces(given.lab);
  const file = new RecordFile(given.lab);
  if (command === 'up') return up(spaces, file, stage);
  if (command === 'down') return down(spaces, file, stage);
  if (command === 'status') return status(file, stage);
  return alter(command, given, spaces, file, stage);
}

async function status(file: RecordFile, stage: Stage): Promise<number> {
  const record = file.mustRead();
  const now = pictureOf(record, await askAll(record, file), () => undefined);
  stage.out(`${render(now, false, stage).trimEnd()}\n`);
  return 0;
}

async function down(spaces: Spaces, file: RecordFile, stage: Stage): Promise<number> {
  const record = file.read();
  if (record !== undefined && isAlive(record)) {
    process.kill(record.pid, 'SIGTERM');
    const patience = performance.now() + DOWN_MS;
    while (isAlive(record) && performance.now() < patience)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const removed = await spaces.remove();
  file.remove();
  if (record === undefined && removed === 0) stage.error('there was no lab\n');
  return 0;
}

/** cut, heal, nat, move. */
async function alter(
  command: string,
  { home: name = '', kind }: LabGiven,
  spaces: Spaces,
  file: RecordFile,
  stage: Stage,
): Promise<number> {
  const record = file.mustRead();
  const internet = Internet.resume(spaces, record.internet);
  const names = record.internet.homes.map(({ label }) => label);
  if (!names.includes(name))
    throw new Failure(`there is no home "${name}"${suggestion(name, names)}: ${names.join(', ')}`);
  if (command === 'cut') await internet.cut(name);
  if (command === 'heal') await internet.heal(name);
  if (command === 'move') stage.out(`${name} is at ${await internet.move(name)} now\n`);
  if (command === 'nat') await changeNat(internet, name, kind);
  file.write(record);
  return 0;
}

async function changeNat(internet: Internet, name: string, asked = ''): Promise<void> {
  const kind = NAT_KINDS.find((each) => each === asked);
  if (kind === undefined)
    throw new Failure(`there is no NAT "${asked}": one of ${NAT_KINDS.join(', ')}`);
  if (internet.home(name).kind === 'public')
    throw new Failure(`${name} is on the internet itself: there is no NAT to change`);
  await internet.setNat(name, kind);
}
