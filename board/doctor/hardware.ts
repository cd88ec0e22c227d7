// The machine itself: processor, kernel, memory, flash, clock.

import { KERNEL_MIN } from '../preflight.js';
import type { Facts } from './facts.js';
import { advice, type Finding, fine, missing } from './finding.js';

const MIB = 1024 * 1024;
const NODE_MIN: readonly number[] = [20, 19];
const UDP_OVER_TUN: readonly number[] = [6, 2]; // TUN_F_USO: large UDP packets from the kernel

export const MEMORY_MIN = 200 * MIB; // the agent has 95 MiB at most, the system wants the rest
const AVAILABLE_MIN = 100 * MIB;
export const FREE_MIN = MIB; // kith.json with 10,000 peers, written beside the old one
const FREE_GOOD = 64 * MIB; // a release beside the one in use, and its download
const CLOCK_MIN_MS = Date.UTC(2026, 0, 1); // before any release of kith

/** The targets that koffi has a native part for (system calls), by Node's name of the processor. */
const GLIBC = ['x64', 'arm64', 'arm', 'riscv64', 'ia32', 'loong64', 'ppc64'];
const MUSL = ['x64', 'arm64'];

export function hardwareChecks(facts: Facts): Finding[] {
  return [processor(facts), node(facts), kernel(facts), memory(facts), flash(facts), clock(facts)];
}

function processor({ arch, musl }: Facts): Finding {
  const libc = musl ? 'musl' : 'glibc';
  if ((musl ? MUSL : GLIBC).includes(arch)) return fine('processor', `${arch}, ${libc}`);
  const why = 'there is no library for system calls on it, which the tunnel lives on';
  return musl && GLIBC.includes(arch)
    ? missing(
        'processor',
        `${arch} with musl is not supported`,
        why,
        'install the kith package for this router: it brings a Node of its own, with glibc',
      )
    : missing('processor', `${arch} is not supported`, why, 'use a machine with arm64 or x64');
}

function node({ node: version }: Facts): Finding {
  if (isAtLeast(version, NODE_MIN)) return fine('node', `Node ${version}`);
  return missing(
    'node',
    `Node ${version} is too old`,
    `kith needs ${NODE_MIN.join('.')} or later`,
    'install a newer Node; the kith packages bring one',
  );
}

function kernel({ kernel: release }: Facts): Finding {
  if (!isAtLeast(release, KERNEL_MIN))
    return missing(
      'kernel',
      `Linux ${release} is too old`,
      'its UDP cannot send trains of datagrams (UDP_SEGMENT)',
      `install a kernel from ${KERNEL_MIN.join('.')} on`,
    );
  if (!isAtLeast(release, UDP_OVER_TUN))
    return advice(
      'kernel',
      `Linux ${release} hands over UDP one packet at a time`,
      'calls and games through the tunnel cost more of the processor',
      `a kernel from ${UDP_OVER_TUN.join('.')} on hands over many at once`,
    );
  return fine('kernel', `Linux ${release}`);
}

function memory({ memory: { total, available } }: Facts): Finding {
  const size = `${Math.round(total / MIB)} MiB of memory`;
  if (total > 0 && total < MEMORY_MIN)
    return missing(
      'memory',
      `${size} are too few`,
      'the agent takes up to 95 MiB; the system would end it, or others',
      `use a machine with ${MEMORY_MIN / MIB} MiB or more`,
    );
  if (total > 0 && available < AVAILABLE_MIN)
    return advice(
      'memory',
      `${size}, ${Math.round(available / MIB)} MiB available`,
      'under load the system may end a program to free some',
      'end what is not needed, or add swap: zram-swap on OpenWrt, zram-tools on Debian',
    );
  return fine('memory', `${size}, ${Math.round(available / MIB)} MiB available`);
}

function flash({ free, wanted: { statePath } }: Facts): Finding {
  if (free < 0) return fine('space', `the space at ${statePath} is not known`);
  const size = `${(free / MIB).toFixed(free < 10 * MIB ? 1 : 0)} MiB free at ${statePath}`;
  if (free < FREE_MIN)
    return missing(
      'space',
      size,
      'settings could not be written',
      'remove what is not needed; on OpenWrt see `df -h /overlay`',
    );
  if (free < FREE_GOOD)
    return advice(
      'space',
      size,
      'an update lies beside the release in use until it has proved itself',
      'make room, or extend the storage: on OpenWrt with a USB stick (extroot)',
    );
  return fine('space', size);
}

const CLOCK_PROGRAMS = ['systemd-timesyn', 'chronyd', 'ntpd', 'ntpsec', 'openntpd', 'ntpclient'];

function clock({ now, programs, board }: Facts): Finding {
  const day = new Date(now).toISOString().slice(0, 10);
  const fix =
    board.kind === 'openwrt'
      ? '/etc/init.d/sysntpd enable; /etc/init.d/sysntpd start'
      : 'apt-get install systemd-timesyncd; timedatectl set-ntp true';
  if (now < CLOCK_MIN_MS)
    return missing(
      'clock',
      `the clock says ${day}`,
      'peers are deaf to handshakes from the past, and certificates are not valid yet',
      fix,
    );
  if (!CLOCK_PROGRAMS.some((name) => programs.has(name)))
    return advice(
      'clock',
      `the clock says ${day}, and nothing sets it`,
      'after a power cut a machine without a battery is in the past, and peers are deaf to it',
      fix,
    );
  return fine('clock', `the clock says ${day}, and a program sets it`);
}

/** `6.1.0-rpi7` against [6, 2]. */
function isAtLeast(version: string, [majorMin = 0, minorMin = 0]: readonly number[]): boolean {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) > majorMin || (Number(major) === majorMin && Number(minor) >= minorMin);
}
