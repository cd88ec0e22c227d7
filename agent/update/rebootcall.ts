// reboot(2) with an argument for the firmware (LINUX_REBOOT_CMD_RESTART2), which libc's function of
// that name does not take. Where systemd runs, it is asked instead, and ends everything in order.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { SlotFailure } from './slots.js';

// linux/reboot.h, and the number of the call (asm/unistd.h)
const MAGIC = 0xfee1dead;
const MAGIC2 = 672274793;
const RESTART = 0x01234567;
const RESTART2 = 0xa1b2c3d4;
const NUMBERS: Readonly<Record<string, number>> = { x64: 169, arm64: 142, arm: 88, riscv64: 142 };

/** Does not return where it goes well. `argument` may be empty. Throws SlotFailure. */
export async function reboot(argument: string): Promise<void> {
  if (existsSync('/run/systemd/system')) {
    const given = argument === '' ? [] : [`--reboot-argument=${argument}`];
    const { status } = spawnSync('systemctl', ['reboot', ...given], { stdio: 'ignore' });
    if (status !== 0) throw new SlotFailure(`systemctl reboot fails (${status})`);
    return;
  }
  await rebootNow(argument);
}

/** At once, after everything that was written is on the card. */
export async function rebootNow(argument: string): Promise<void> {
  const number = NUMBERS[process.arch];
  if (number === undefined) throw new SlotFailure(`no restart is known on ${process.arch}`);
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  libc.func('sync', 'void', [])();
  const types = ['long', 'uint', 'uint', 'uint', 'str'];
  const call = libc.func('syscall', 'long', types) as (...given: unknown[]) => number;
  call(number, MAGIC, MAGIC2, argument === '' ? RESTART : RESTART2, argument);
  throw new SlotFailure(`the system does not restart (error ${koffi.errno()})`);
}
