// What kind of machine answers: asked in the shell of whatever is there, busybox's too (which may
// have a `dpkg` of its own: what is managed shows by its database).

import { Failure } from '../../agent/commands/failure.js';
import type { Remote } from './ssh.js';

export type PackageTool = 'opkg' | 'apk' | 'dpkg';

export type Probe = Readonly<{
  system: string; // such as `openwrt 24.10.0`
  model: string;
  machine: string; // of the kernel, such as aarch64
  root: boolean;
  manager: PackageTool | undefined;
  architectures: readonly string[];
  memory: number; // bytes
  upload: Room; // /tmp
  install: Room; // what /opt and /usr lie on
  installed: string; // version of kith; '' none
}>;

export type Room = Readonly<{ free: number; on: string }>; // bytes, and the place that is mounted

const SCRIPT = `
say() { printf '%s=%s\\n' "$1" "$2"; }
room() { df -kP "$2" 2>/dev/null | while read -r _ _ _ free _ on; do say "$1" "$free $on"; done; }
[ -r /etc/os-release ] && . /etc/os-release
say system "\${ID:-} \${VERSION_ID:-}"
tree=/proc/device-tree/model
say model "$(cat /tmp/sysinfo/model 2>/dev/null || tr -d '\\000' 2>/dev/null <$tree)"
say machine "$(uname -m)"
say user "$(id -u)"
if [ -e /var/lib/dpkg/status ]; then
  say manager dpkg; say architectures "$(dpkg --print-architecture)"
elif [ -d /etc/apk ]; then
  say manager apk; say architectures "$(cat /etc/apk/arch 2>/dev/null)"
elif command -v opkg >/dev/null 2>&1; then
  say manager opkg
  opkg print-architecture | while read -r _ name _; do say architectures "$name"; done
fi
while read -r key value _; do [ "$key" = MemTotal: ] && say memory "$value"; done </proc/meminfo
room upload /tmp
room install /
[ -d /overlay ] && room install /overlay
[ -d /opt ] && room install /opt
say installed "$(kith --version 2>/dev/null)"
true
`;

/** Throws Failure. */
export async function probe(remote: Remote): Promise<Probe> {
  const found = new Map<string, string[]>();
  for (const line of (await remote.must('looking at it', SCRIPT)).split('\n')) {
    const [, key, value = ''] = /^([a-z]+)=(.*)$/.exec(line) ?? [];
    if (key === undefined) continue;
    const clean = value
      .replace(/\p{Cc}+/gu, ' ')
      .trim()
      .slice(0, 256);
    found.set(key, [...(found.get(key) ?? []), clean]);
  }
  const last = (key: string) => found.get(key)?.at(-1) ?? '';
  if (!found.has('machine'))
    throw new Failure(`${remote.host} has no shell that answers as a Linux machine does`);
  const manager = last('manager');
  return {
    system: last('system'),
    model: last('model'),
    machine: last('machine'),
    root: last('user') === '0',
    manager: manager === 'dpkg' || manager === 'apk' || manager === 'opkg' ? manager : undefined,
    architectures: (found.get('architectures') ?? []).filter((name) => name !== ''),
    memory: Number(last('memory')) * 1024,
    upload: roomOf(found.get('upload')),
    install: roomOf(found.get('install')),
    installed: last('installed'),
  };
}

/** The last line that is no heading: of what is asked for twice, the more particular place. */
function roomOf(lines: readonly string[] = []): Room {
  const all = lines.flatMap((line) => {
    const [, free, on = ''] = /^(\d+) (.*)$/.exec(line) ?? [];
    return free === undefined ? [] : [{ free: Number(free) * 1024, on }];
  });
  return all.at(-1) ?? { free: 0, on: '' };
}
