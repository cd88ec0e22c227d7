// needs: socat
// The console on a real terminal device: opened, lost, found again, moved, and refused.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Context } from '../../../agent/commands/context.js';
import type { Config } from '../../../agent/config/schema.js';
import { checkConfig } from '../../../agent/config/validate.js';
import { SerialConsole } from '../../../agent/control/console/console.js';
import { isTerminal, SerialLine } from '../../../agent/control/console/serial.js';
import { temporaryFolder } from '../program.js';

const serial = suite('control/console/serial');
const folder = temporaryFolder();
const running = new Set<ChildProcess>();
const lines = new Set<SerialLine | SerialConsole>();

serial.after.each(async () => {
  await Promise.all([...lines].map((line) => line.stop()));
  lines.clear();
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 10_000; !condition(); await pause(10))
    if (Date.now() > end) throw new Error(`it never came to this: ${what}`);
}

type Cable = Readonly<{ near: string; far: string; holder: ChildProcess }>;

async function plug(name: string): Promise<Cable> {
  const [near, far] = ['near', 'far'].map((end) => join(folder, `${name}-${end}`));
  if (near === undefined || far === undefined) throw new Error('no names');
  const ends = [near, far].map((link) => `pty,raw,echo=0,link=${link}`);
  const holder = spawn('socat', ends, { stdio: 'ignore' });
  running.add(holder);
  await until(() => existsSync(near) && existsSync(far), 'two ends of a cable');
  return { near, far, holder };
}

async function unplug({ holder, near }: Cable): Promise<void> {
  holder.kill('SIGTERM'); // socat takes its links away
  await until(() => !existsSync(near), 'no cable');
}

/** All that waits at this end. */
function drain(end: number): Buffer {
  const piece = Buffer.alloc(65_536);
  try {
    return piece.subarray(0, readSync(end, piece));
  } catch {
    return piece.subarray(0, 0);
  }
}

const flags = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK;

function open(path: string) {
  const seen = { opened: 0, closed: 0, text: '', log: [] as string[] };
  const line = new SerialLine({
    path,
    baudRate: 115_200,
    onOpen: () => seen.opened++,
    onClosed: () => seen.closed++,
    onBytes: (bytes) => {
      seen.text += Buffer.from(bytes).toString('latin1');
    },
    log: (_, text) => seen.log.push(text),
  });
  lines.add(line);
  line.start();
  return { line, seen };
}

serial('a port that is missing, comes, vanishes, and comes back', async () => {
  const { line, seen } = open(join(folder, 'late-near'));
  await pause(700);
  assert.is(seen.log.length, 1, 'said once, however often it was tried');
  assert.match(seen.log[0] ?? '', /late-near: No such file or directory/);
  for (const round of [1, 2]) {
    const cable = await plug('late');
    await until(() => seen.opened === round, 'opened');
    const far = openSync(cable.far, flags);
    writeSync(far, 'hello');
    await until(() => seen.text.endsWith('hello'.repeat(round)), 'bytes in');
    line.write(Buffer.from('there'));
    await until(() => drain(far).toString() === 'there', 'bytes out');
    closeSync(far);
    await unplug(cable);
    await until(() => seen.closed === round, 'closed');
  }
  line.write(Buffer.from('nobody'));
  assert.is(line.pending, 0);
});

serial('what nobody takes away is dropped beyond a bound', async () => {
  const { near, far } = await plug('full');
  const end = openSync(far, flags);
  const { line, seen } = open(near);
  await until(() => seen.opened === 1, 'opened');
  for (let i = 0; i < 2_000; i++) line.write(new Uint8Array(1024));
  await pause(100);
  assert.ok(line.pending <= 256 * 1024, `${line.pending} bytes wait`);
  assert.ok(line.dropped > 2 ** 20, `${line.dropped} bytes were dropped`);
  closeSync(end);
});

serial('devices that are no terminals are not touched', async () => {
  for (const path of ['/dev/null', '/dev/zero', '/dev/mem', '/etc/passwd', '/dev', '/dev/nothing'])
    assert.not.ok(isTerminal(path), path);
  const { near } = await plug('kinds');
  assert.ok(isTerminal(near));
  if (existsSync('/dev/ttyS0')) assert.ok(isTerminal('/dev/ttyS0'));
  const { seen } = open('/dev/zero');
  await until(() => seen.log.length > 0, 'refused');
  assert.equal(seen.log, ['serial port /dev/zero: no serial port']);
});

function config(settings: Record<string, unknown>): Config {
  const checked = checkConfig({ version: 1, name: 'cabin', serial: settings });
  if (!('config' in checked)) throw new Error(JSON.stringify(checked.problems));
  return checked.config;
}

serial('another speed, another port, and none, while it runs', async () => {
  const [one, two] = [await plug('one'), await plug('two')];
  const log: string[] = [];
  const context = () => ({}) as Context; // nobody wakes it up
  const readSecret = () => new Uint8Array(0);
  const console = new SerialConsole({
    config: config({ port: one.near }),
    commands: [],
    context,
    readSecret,
    log: (_, line) => log.push(line),
  });
  lines.add(console);
  console.start();
  const speed = (path: string) => execFileSync('stty', ['-F', path, 'speed']).toString().trim();
  await until(() => log.length === 1 && speed(one.near) === '115200', 'the first port');
  const hears = async ({ far }: Cable) => {
    const end = openSync(far, flags);
    let text = '';
    await until(() => {
      text += drain(end);
      return text.includes('cabin: kith');
    }, 'the console greets');
    closeSync(end);
  };
  await hears(one);
  console.changed(config({ port: one.near, baudRate: 9600 }));
  await until(() => log.length === 2 && speed(one.near) === '9600', 'the other speed');
  console.changed(config({ port: two.near }));
  await until(() => log.length === 3, 'the other port');
  await hears(two);
  console.changed(config({}));
  await pause(600);
  const end = openSync(two.far, flags);
  drain(end);
  writeSync(end, '\r\r');
  await pause(600);
  assert.is(drain(end).length, 0, 'nobody is there any more');
  closeSync(end);
  assert.is(log.length, 3, log.join('\n'));
});

serial.run();
